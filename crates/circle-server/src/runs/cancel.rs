//! Ending a run: a wish that is kept, then told to whoever executes it.

use circle_api::worker::Order;
use circle_core::ids::RunId;
use circle_core::run::{ApplyError, CancelCause, Run, RunEvent};
use circle_store::records::UpdateError;

use super::apply::leased_parts;
use crate::server::Server;

impl Server {
    /// Writes the wish down and tells the worker, which hears it again with its next heartbeat or stream.
    ///
    /// # Errors
    /// As [`Server::apply`]; [`ApplyError::Ended`] for a run that is over.
    pub async fn cancel(
        &self,
        run: RunId,
        cause: CancelCause,
        by: &str,
        abandon: bool,
    ) -> Result<Run, UpdateError<ApplyError>> {
        let event = RunEvent::CancelRequested {
            cause,
            by: by.to_owned(),
            abandon,
        };
        let (run, _) = self.apply(run, event).await?;
        self.tell_cancel(&run);
        Ok(run)
    }

    /// Tells the holders of a run's parts that it is to end.
    pub(crate) fn tell_cancel(&self, run: &Run) {
        let Some(cancel) = &run.cancel else { return };
        for (_, worker, fence) in leased_parts(run) {
            self.queue.tell(
                worker,
                Order::Cancel {
                    run: run.id,
                    fence,
                    cause: cancel.cause,
                },
            );
        }
    }
}
