pub(super) async fn live() {}
