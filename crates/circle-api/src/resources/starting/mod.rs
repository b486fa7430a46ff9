//! What starts runs, ends them and starts them again: wishes of people, and their inputs.

mod input;
mod schedule;
mod trigger;

pub use input::{
    InputDeclaration, InputPlace, InputType, InputValue, InputView, InputWish, InputsQuery, InputsView, texts,
};
pub use schedule::{ScheduleChange, ScheduleCreate, ScheduleFired, ScheduleLeftOut, ScheduleSource, ScheduleView};
pub use trigger::{CancelRequest, RerunRequest, TriggerRequest, Triggered};
