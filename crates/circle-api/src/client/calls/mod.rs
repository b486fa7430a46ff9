//! One method for each route, grouped as the routes are.

mod admin;
mod environments;
mod forges;
mod hosts;
mod logs;
mod notices;
mod people;
mod runs;
mod schedules;
mod settings;
