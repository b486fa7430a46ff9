//! Signing in by a provider, and the page of one's account, in a real browser.

use circle_api::resources::people::InvitationCreate;
use circle_api::routes::DEFAULT_WORKSPACE;
use circle_core::members::Role;
use serde_json::{Value, json};

use crate::support::play;
use crate::tenancy::browser::Stand;

impl Stand {
    /// What happens away from the page.
    fn deed(&self, deed: &str) -> String {
        match deed {
            "deny" => self.provider.world().denies = Some("access_denied".into()),
            "allow" => self.provider.world().denies = None,
            "signed" => return self.signed().to_string(),
            other => panic!("no deed {other}"),
        }
        String::new()
    }

    /// How often somebody came back with a code.
    fn signed(&self) -> usize {
        let world = self.provider.world();
        world.asked.iter().filter(|path| *path == "/token").count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_joins_signs_in_and_links_by_a_provider_in_a_browser() {
    let stand = Stand::start(json!({})).await;
    let wish = InvitationCreate {
        role: Role::Developer,
        valid_s: None,
    };
    let invited = stand.circle.api.invite(DEFAULT_WORKSPACE, &wish).await.expect("a link");
    let variables = [
        ("CIRCLE_URL", stand.circle.url.clone()),
        ("INVITATION", invited.link.expose().to_owned()),
    ];
    play("sign-in", &variables, async |deed| stand.deed(deed)).await;
    let mut browser = stand.browser();
    assert_eq!(browser.sign_in().await.0, 200, "what the page linked at last");
    assert_eq!(browser.whoami().await.as_deref(), Some("ann"));
    assert_ne!(browser.identities().await, Vec::<Value>::new());
}
