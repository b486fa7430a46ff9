//! The server as its clients meet it: over HTTP, on real stores in a temporary folder, with a real git repository and a
//! worker that is played by the test.

mod api;
mod api_by_example;
mod backup;
mod contract;
mod deadlines;
mod events;
mod figures;
mod forge_examples;
mod forge_hooks;
mod forge_oauth;
mod forge_suite;
mod forge_trust;
mod forges;
mod gitea;
mod hooks;
mod inputs;
mod live;
mod manners;
mod notices;
mod openapi;
mod owners;
mod planning;
mod polling;
mod queue;
mod restart;
mod rotation;
mod rules;
mod schedules;
mod secret_limits;
mod secrets;
mod support;
mod tenancy;
mod upgrade;
mod web;
mod workers;
