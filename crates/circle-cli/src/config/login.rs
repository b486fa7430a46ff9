//! Where `circle login` keeps what it got.

use std::path::PathBuf;

use super::file::{ConfigFile, place};
use super::resolve::ConnectionArgs;
use crate::exit::Failure;

/// The token's file, and the configuration that leads to it where there is none yet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LoginPlaces {
    pub(crate) token: PathBuf,
    pub(crate) config: Option<(PathBuf, String)>,
}

/// Decides before anybody is asked for a password.
///
/// # Errors
/// A configuration file that names no token file, or another server: a person's file is not rewritten.
pub(crate) fn login_places(args: &ConnectionArgs) -> Result<LoginPlaces, Failure> {
    let path = place(args.config.as_deref());
    let path = path.ok_or_else(|| Failure::usage("there is no home folder: name a file with --config"))?;
    if path.exists() {
        let file = ConfigFile::load(Some(&path))?;
        if args.server.is_some() && args.server != file.server {
            let how = format!(
                "{} is of another server: name another file with --config",
                path.display()
            );
            return Err(Failure::usage(how));
        }
        let how = format!(
            "{} names no token_file: add token_file = \"token\" to it",
            path.display()
        );
        let token = file.token_file.ok_or_else(|| Failure::usage(how))?;
        return Ok(LoginPlaces { token, config: None });
    }
    let server = args.server.as_ref();
    let server = server.map(|server| format!("server = {}\n", toml::Value::from(server.as_str())));
    let text = format!("{}token_file = \"token\"\n", server.unwrap_or_default());
    Ok(LoginPlaces {
        token: path.with_file_name("token"),
        config: Some((path, text)),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{ConnectionArgs, login_places};

    #[test]
    fn a_first_login_makes_the_configuration_and_a_later_one_leaves_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("config.toml");
        let args = ConnectionArgs {
            config: Some(path.clone()),
            server: Some("https://ci.example.org".into()),
            ..ConnectionArgs::default()
        };
        let first = login_places(&args).expect("places");
        let (to, text) = first.config.expect("a configuration");
        assert_eq!(text, "server = \"https://ci.example.org\"\ntoken_file = \"token\"\n");
        fs::write(to, text).expect("written");
        let second = login_places(&args).expect("places");
        assert_eq!((second.token, second.config), (folder.path().join("token"), None));
        let other = ConnectionArgs {
            server: Some("https://other.example.org".into()),
            ..args
        };
        let refused = login_places(&other).expect_err("another server").to_string();
        assert!(refused.contains("another server"), "{refused}");
    }
}
