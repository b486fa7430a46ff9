//! What surrounds a cell on its operator's network: mirrors, a proxy, certificate authorities. The same in every cell.

use std::path::PathBuf;

/// What the operator's network asks of whoever is in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Addresses (`https://host[:port]`) that are asked before Docker Hub.
    pub registry_mirrors: Vec<String>,
    pub proxy: Proxy,
    /// PEM files of authorities that are trusted beside those of the machine.
    pub certificates: Vec<PathBuf>,
}

/// A way out for HTTP. Texts as the variables of the same names take them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxy {
    /// For `http://`, such as `http://proxy.example:3128`.
    pub http: Option<String>,
    /// For `https://`.
    pub https: Option<String>,
    /// Hosts that are reached directly, separated by commas.
    pub none: Option<String>,
}

/// Reached directly whatever the operator says: the cell itself.
const ALWAYS_DIRECT: [&str; 2] = ["localhost", "127.0.0.0/8"];

impl Proxy {
    /// The variables that programs read, in both cases of letters; empty without a proxy. `direct` are names that are
    /// reached without it too.
    pub fn variables(&self, direct: &[&str]) -> Vec<(String, String)> {
        if self.http.is_none() && self.https.is_none() {
            return Vec::new();
        }
        let configured = self.none.as_deref().unwrap_or_default().split(',').map(str::trim);
        let all = configured.chain(ALWAYS_DIRECT).chain(direct.iter().copied());
        let none: Vec<&str> = all.filter(|name| !name.is_empty()).collect();
        let ways = [
            ("HTTP_PROXY", self.http.clone()),
            ("HTTPS_PROXY", self.https.clone()),
            ("NO_PROXY", Some(none.join(","))),
        ];
        ways.into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .flat_map(|(name, value)| [(name.to_owned(), value.clone()), (name.to_lowercase(), value)])
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Proxy;

    #[test]
    fn without_a_proxy_nothing_is_said_and_with_one_the_cell_itself_is_direct() {
        let idle = Proxy {
            none: Some("a".to_owned()),
            ..Proxy::default()
        };
        assert!(idle.variables(&["db"]).is_empty());
        let proxy = Proxy {
            http: Some("http://p:3128".to_owned()),
            none: Some("intern.example, 10.0.0.0/8".to_owned()),
            ..Proxy::default()
        };
        let variables = proxy.variables(&["db"]);
        let value = |name: &str| {
            variables
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.as_str())
        };
        assert_eq!(value("http_proxy"), Some("http://p:3128"));
        assert_eq!(value("HTTPS_PROXY"), None);
        assert_eq!(
            value("NO_PROXY"),
            Some("intern.example,10.0.0.0/8,localhost,127.0.0.0/8,db")
        );
    }
}
