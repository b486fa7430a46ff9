//! People: accounts, members, and what is written down of what they ask.

mod account;
mod audit;
mod identity;

pub use account::{
    AccountView, InvitationCreate, InvitationView, LinkCreated, LinkRedeem, MemberChange, MemberView, PasswordChange,
    SignIn, SignedIn, UserChange, UserView,
};
pub use audit::{AuditQuery, AuditView};
pub use identity::{
    IdentityBegin, IdentityBegun, IdentityFinish, IdentityFinished, IdentityKind, IdentityProviderChange,
    IdentityProviderCheck, IdentityProviderCreate, IdentityProviderView, IdentityView, SignInWay, SignInWays,
};
