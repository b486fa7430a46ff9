//! The firewall's rules as text: from what `iptables-save` says to what `iptables-restore --noflush` is told. Pure.

use std::fmt::Write;

use crate::Cidr;

/// Never reachable from a cell: link-local addresses, where clouds keep their metadata.
const LINK_LOCAL: &str = "169.254.0.0/16";
/// Reachable only when the operator says so.
const PRIVATE: [&str; 4] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"];
/// Denied packets are answered, so that a job fails within a second and not at its time-out.
const DENY: &str = "REJECT --reject-with icmp-admin-prohibited";

/// The rules of one provider instance; each carries the instance's name in a comment.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) instance: String,
    pub(super) range: Cidr,
    pub(super) allow: Vec<Cidr>,
}

impl Rules {
    /// What to feed to `iptables-restore --noflush` so that the rules stand, ahead of those of others. `None`: they do
    /// already.
    pub(super) fn assert(&self, saved: &str) -> Option<String> {
        if self.stand(saved) {
            return None;
        }
        let (out, host, mark) = (self.chain("OUT"), self.chain("HOST"), self.mark());
        let links = format!("cv{}+", self.instance);
        let mut batch = format!("*filter\n:{out} - [0:0]\n:{host} - [0:0]\n");
        self.delete(saved, "filter", &mut batch);
        for rule in [
            format!("-I FORWARD 1 -i {links} {mark} -j {out}"),
            format!("-I FORWARD 1 -o {links} -m conntrack --ctstate RELATED,ESTABLISHED {mark} -j ACCEPT"),
            format!("-I INPUT 1 -i {links} {mark} -j {host}"),
            format!("-A {host} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"),
            format!("-A {host} -j {DENY}"),
            format!("-A {out} ! -s {} -j DROP", self.range),
            format!("-A {out} -o cv+ -j {DENY}"),
            format!("-A {out} -d {LINK_LOCAL} -j {DENY}"),
        ] {
            let _ = writeln!(batch, "{rule}");
        }
        for range in &self.allow {
            let _ = writeln!(batch, "-A {out} -d {range} -j ACCEPT");
        }
        for range in PRIVATE {
            let _ = writeln!(batch, "-A {out} -d {range} -j {DENY}");
        }
        let _ = writeln!(batch, "-A {out} -j ACCEPT\nCOMMIT\n*nat");
        self.delete(saved, "nat", &mut batch);
        let _ = writeln!(
            batch,
            "-A POSTROUTING -s {} ! -o cv+ {mark} -j MASQUERADE\nCOMMIT",
            self.range
        );
        Some(batch)
    }

    /// What to feed to `iptables-restore --noflush` so that nothing of this instance is left. `None`: nothing is.
    pub(super) fn remove(&self, saved: &str) -> Option<String> {
        let (out, host) = (self.chain("OUT"), self.chain("HOST"));
        if !saved.contains(&self.mark()) && !saved.contains(&out) && !saved.contains(&host) {
            return None;
        }
        let mut batch = "*filter\n".to_owned();
        self.delete(saved, "filter", &mut batch);
        for chain in [&out, &host]
            .into_iter()
            .filter(|chain| saved.contains(&format!(":{chain} ")))
        {
            let _ = writeln!(batch, "-F {chain}\n-X {chain}");
        }
        batch.push_str("COMMIT\n*nat\n");
        self.delete(saved, "nat", &mut batch);
        batch.push_str("COMMIT\n");
        Some(batch)
    }

    /// Whether all jumps stand, with nothing but Circle's own rules before them.
    fn stand(&self, saved: &str) -> bool {
        let head = |chain: &str| {
            let start = format!("-A {chain} ");
            let rules = rules_of(saved, "filter").filter(move |rule| rule.starts_with(&start));
            rules
                .take_while(|rule| rule.contains("--comment \"circle:"))
                .filter(|rule| rule.contains(&self.mark()))
                .count()
        };
        let masquerades = rules_of(saved, "nat").any(|rule| rule.contains(&self.mark()));
        head("FORWARD") == 2 && head("INPUT") == 1 && masquerades && saved.contains(&format!(":{} ", self.chain("OUT")))
    }

    /// Deletes the instance's rules from the chains that belong to all.
    fn delete(&self, saved: &str, table: &str, batch: &mut String) {
        for rule in rules_of(saved, table).filter(|rule| rule.contains(&self.mark())) {
            let _ = writeln!(batch, "-D{}", rule.trim_start_matches("-A"));
        }
    }

    fn chain(&self, what: &str) -> String {
        format!("CIRCLE-{}-{what}", self.instance)
    }

    fn mark(&self) -> String {
        format!("-m comment --comment \"circle:{}\"", self.instance)
    }
}

/// The rules of one table in the output of `iptables-save`.
fn rules_of<'a>(saved: &'a str, table: &str) -> impl Iterator<Item = &'a str> {
    let head = format!("*{table}");
    saved
        .lines()
        .skip_while(move |line| *line != head)
        .skip(1)
        .take_while(|line| *line != "COMMIT")
        .filter(|line| line.starts_with("-A "))
}

#[cfg(test)]
mod tests {
    use super::Rules;

    const OURS: &str = "*filter
:FORWARD DROP [0:0]
:CIRCLE-abc-OUT - [0:0]
:CIRCLE-abc-HOST - [0:0]
-A INPUT -i cvabc+ -m comment --comment \"circle:abc\" -j CIRCLE-abc-HOST
-A FORWARD -o cvdef+ -m comment --comment \"circle:def\" -j ACCEPT
-A FORWARD -o cvabc+ -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment \"circle:abc\" -j ACCEPT
-A FORWARD -i cvabc+ -m comment --comment \"circle:abc\" -j CIRCLE-abc-OUT
-A FORWARD -j DOCKER-USER
COMMIT
*nat
-A POSTROUTING -s 198.18.0.0/15 ! -o cv+ -m comment --comment \"circle:abc\" -j MASQUERADE
COMMIT";

    fn rules() -> Rules {
        let range = "198.18.0.0/15".parse().expect("a range");
        Rules {
            instance: "abc".to_owned(),
            range,
            allow: vec!["10.1.0.0/16".parse().expect("a range")],
        }
    }

    #[test]
    fn rules_that_stand_are_left_alone() {
        assert_eq!(rules().assert(OURS), None);
    }

    #[test]
    fn rules_that_others_overtook_are_put_ahead_again() {
        let overtaken = OURS.replace(
            "-A FORWARD -o cvdef+ -m comment --comment \"circle:def\"",
            "-A FORWARD -o docker0",
        );
        let batch = rules().assert(&overtaken).expect("a batch");
        assert!(batch.contains("-D FORWARD -i cvabc+ -m comment --comment \"circle:abc\" -j CIRCLE-abc-OUT\n"));
        assert!(batch.contains("-I FORWARD 1 -i cvabc+"));
        assert!(!batch.contains("cvdef"), "another instance's rules are its own affair");
    }

    #[test]
    fn what_is_allowed_stands_before_what_is_denied() {
        let batch = rules().assert("").expect("a batch");
        let place = |text: &str| batch.find(text).unwrap_or_else(|| panic!("{text} is not in {batch}"));
        assert!(place("-o cv+ -j REJECT") < place("-d 10.1.0.0/16 -j ACCEPT"));
        assert!(place("-d 169.254.0.0/16 -j REJECT") < place("-d 10.1.0.0/16 -j ACCEPT"));
        assert!(place("-d 10.1.0.0/16 -j ACCEPT") < place("-d 10.0.0.0/8 -j REJECT"));
    }

    #[test]
    fn everything_of_the_instance_is_removed_and_nothing_else() {
        let batch = rules().remove(OURS).expect("a batch");
        assert_eq!(batch.matches("-D ").count(), 4);
        assert_eq!((batch.matches("-F ").count(), batch.matches("-X ").count()), (2, 2));
        assert!(!batch.contains("DOCKER-USER") && !batch.contains("cvdef"));
        assert_eq!(rules().remove("*filter\n-A FORWARD -j DOCKER-USER\nCOMMIT"), None);
    }
}
