//! `circle member`: who is in a workspace, and who is invited.

use circle_api::resources::people::{InvitationCreate, InvitationView, MemberChange, MemberView};
use circle_core::ids::TokenId;
use circle_core::members::Role;
use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::pages;
use crate::context::Context;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::text::{Cell, Table, age};

/// Invite people into a workspace and set their roles
#[derive(Debug, Args)]
pub(crate) struct MemberArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a link that lets one person in, once; it is printed this once
    Invite {
        /// viewer, developer, releaser or admin
        role: Role,
        /// How long the link works, in seconds; a week when absent
        #[arg(long, value_name = "SECONDS")]
        valid: Option<u64>,
    },
    /// List invitations that nobody used yet
    Invitations,
    /// Take an invitation back
    Uninvite { id: TokenId },
    /// List members and their roles
    List,
    /// Give a member another role; their sessions end
    Set {
        name: String,
        /// viewer, developer, releaser or admin
        role: Role,
    },
    /// Take somebody out of the workspace; their sessions end
    Remove { name: String },
}

pub(crate) async fn member(context: &Context, args: MemberArgs) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let (client, workspace, printer) = (&session.client, session.workspace.as_str(), &context.printer);
    match args.action {
        Action::Invite { role, valid } => {
            let wish = InvitationCreate { role, valid_s: valid };
            let created = client.invite(workspace, &wish).await?;
            printer.show(&created, |_| created.link.expose().to_owned())?;
        }
        Action::Invitations => {
            let open = pages::all(|page| async move { client.invitations(workspace, &page).await }).await?;
            printer.show(&open, |printer| invitations(&open, printer))?;
        }
        Action::Uninvite { id } => {
            client.revoke_invitation(workspace, id).await?;
            printer.say("the invitation is taken back")?;
        }
        Action::List => {
            let members = client.members(workspace).await?;
            printer.show(&members, |printer| table(&members, printer))?;
        }
        Action::Set { name, role } => {
            let view = client.set_member(workspace, &name, &MemberChange { role }).await?;
            printer.show(&view, |_| format!("{name} is {role} of {workspace}"))?;
        }
        Action::Remove { name } => {
            client.remove_member(workspace, &name).await?;
            printer.say(&format!("{name} is no member of {workspace} any more"))?;
        }
    }
    Ok(Exit::Ok)
}

fn table(members: &[MemberView], printer: &Printer) -> String {
    let now = Timestamp::now();
    let mut table = Table::new(&["NAME", "ROLE", "SINCE"]);
    for member in members {
        table.row([
            Cell::from(member.name.as_str()),
            member.role.word().into(),
            age(member.since, now).into(),
        ]);
    }
    table.render(
        printer,
        "There are no members: circle member invite admin makes a link for the first.",
    )
}

fn invitations(open: &[InvitationView], printer: &Printer) -> String {
    let mut table = Table::new(&["INVITATION", "ROLE", "BY", "EXPIRES"]);
    for invitation in open {
        table.row([
            Cell::from(invitation.id),
            invitation.role.word().into(),
            invitation.by.as_str().into(),
            invitation.expires_at.to_string().into(),
        ]);
    }
    table.render(printer, "There are no open invitations.")
}
