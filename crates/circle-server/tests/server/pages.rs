//! The pages of forges, services and approvals in a real browser, beside a forge.

use circle_api::resources::{DeliveryState, TokenCreate, TokenScope, WorkspaceCreate};
use circle_api::routes::DEFAULT_WORKSPACE;
use circle_core::forge::ForgeKind;

use crate::forge_trust::{ALICE, FORK, MALLORY, PIPELINE, SHOP, Scene};
use crate::support::forge::{Call, Repo, TOKEN};
use crate::support::{Circle, play, slug};

/// Somebody who may only look.
async fn viewer(circle: &Circle) -> String {
    let wish = TokenCreate {
        name: "vera".into(),
        valid_s: None,
        scope: Some(TokenScope::Read),
        workspace: Some(DEFAULT_WORKSPACE.into()),
    };
    let created = circle.api.create_token(&wish).await.expect("a token");
    created.value.expose().to_owned()
}

impl Scene {
    /// A push to the main branch, told to Circle; the answer is what became of it.
    async fn pushed(&self) -> DeliveryState {
        let call = self.forge.push(SHOP, "refs/heads/main", &self.base, ALICE);
        self.forge.settled(&self.circle, SHOP, &call).await
    }

    /// A stranger's pull request with these rules; the answer is its run.
    async fn proposed(&self, number: u64, change: &str) -> String {
        let pipeline = format!("{PIPELINE}# {change}\n");
        let head = self.propose(number, ("caicloud.yml", &pipeline)).await;
        self.pull((number, &head), FORK, (MALLORY, MALLORY)).await.to_string()
    }

    /// What happens away from the page.
    async fn deed(&self, deed: &str) -> String {
        match deed {
            "down" => self.forge.facts().down = true,
            "up" => self.forge.facts().down = false,
            "lose-hook" => self.forge.facts().repos[0].hooks.clear(),
            "push" => match self.pushed().await {
                DeliveryState::Run { run } => return run.to_string(),
                other => panic!("no run: {other:?}"),
            },
            "label" => {
                let body = serde_json::json!({ "repository": { "id": SHOP, "full_name": "team/shop" } });
                let call = Call { event: "fork", body };
                let state = self.forge.settled(&self.circle, SHOP, &call).await;
                assert!(matches!(state, DeliveryState::Ignored { .. }), "{state:?}");
            }
            "propose" => return self.proposed(3, "first").await,
            "push-on" => return self.proposed(3, "second").await,
            "propose-other" => return self.proposed(4, "other").await,
            other => panic!("no deed {other}"),
        }
        String::new()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_connects_a_forge_and_approves_in_a_browser() {
    let scene = Scene::unlinked(ForgeKind::Gitea).await;
    {
        let mut facts = scene.forge.facts();
        let (mut old, mut foreign) = (Repo::of(43, "team/attic"), Repo::of(44, "others/shop-tools"));
        (old.archived, foreign.admin) = (true, false);
        facts.repos.extend([old, foreign]);
    }
    let circle = &scene.circle;
    let pay = WorkspaceCreate { name: slug("pay") };
    circle.api.create_workspace(&pay).await.expect("a workspace");
    let variables = [
        ("CIRCLE_URL", circle.url.clone()),
        ("CIRCLE_TOKEN", circle.token.clone()),
        ("VIEWER_TOKEN", viewer(circle).await),
        ("FORGE_URL", scene.forge.address.clone()),
        ("FORGE_TOKEN", TOKEN.to_owned()),
    ];
    play("forges", &variables, async |deed| scene.deed(deed).await).await;
    let hooks = &scene.forge.facts().repos[0].hooks;
    assert!(hooks.is_empty(), "the removed service's hook is gone: {hooks:?}");
}
