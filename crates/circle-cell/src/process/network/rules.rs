//! The firewall's rules as text: from what `iptables-save` says to what `iptables-restore --noflush` is told, and the same
//! for IPv6. Pure.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::policy::{Family, never, private};
use crate::{CellId, Cidr};

/// The rules of one provider instance in one family; each carries the instance's name in a comment.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) family: Family,
    pub(super) instance: String,
    /// The addresses of all cells.
    pub(super) range: Cidr,
    /// Private ranges that every cell may reach.
    pub(super) allow: Vec<Cidr>,
    /// Private ranges that one cell may reach beside those.
    pub(super) cells: BTreeMap<CellId, Vec<Cidr>>,
    /// Connections that one cell may have open to the world; `None`: any number.
    pub(super) connections: Option<u32>,
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
        // Naming a chain empties it.
        let mut batch = format!("*filter\n:{out} - [0:0]\n:{host} - [0:0]\n");
        self.delete(saved, "filter", &mut batch);
        for rule in [
            format!("-I FORWARD 1 -i {links} {mark} -j {out}"),
            format!("-I FORWARD 1 -o {links} -m conntrack --ctstate RELATED,ESTABLISHED {mark} -j ACCEPT"),
            format!("-I INPUT 1 -i {links} {mark} -j {host}"),
        ] {
            let _ = writeln!(batch, "{rule}");
        }
        for (chain, rules) in [(&host, self.to_host()), (&out, self.outwards())] {
            for rule in rules {
                let _ = writeln!(batch, "-A {chain} {rule}");
            }
        }
        batch.push_str("COMMIT\n*nat\n");
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

    /// What may come to the host itself: answers, and in IPv6 the question who has an address of the link.
    fn to_host(&self) -> Vec<String> {
        let mut rules = vec!["-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT".to_owned()];
        if self.family == Family::Six {
            for kind in [135, 136] {
                rules.push(format!("-p ipv6-icmp -m icmp6 --icmpv6-type {kind} -j ACCEPT"));
            }
        }
        rules.push(format!("-j {}", self.deny()));
        rules
    }

    /// What may pass: first what nobody can allow, then what is allowed, then what is denied, then the internet.
    fn outwards(&self) -> Vec<String> {
        let deny = self.deny();
        let mut rules = vec![format!("! -s {} -j DROP", self.range)];
        rules.extend(self.crowded().map(|crowded| format!("{crowded} -j {deny}")));
        rules.extend([format!("-o cv+ -j {deny}"), format!("-d {} -j {deny}", self.range)]);
        rules.extend(never(self.family).iter().map(|range| format!("-d {range} -j {deny}")));
        let of_family = |ranges: &[Cidr]| -> Vec<Cidr> {
            let ranges = ranges.iter().copied();
            ranges.filter(|range| Family::of(*range) == self.family).collect()
        };
        rules.extend(
            of_family(&self.allow)
                .iter()
                .map(|range| format!("-d {range} -j ACCEPT")),
        );
        for (cell, ranges) in &self.cells {
            let link = cell.link();
            rules.extend(
                of_family(ranges)
                    .iter()
                    .map(|range| format!("-d {range} -i {link} -j ACCEPT")),
            );
        }
        rules.extend(private(self.family).iter().map(|range| format!("-d {range} -j {deny}")));
        rules.push("-j ACCEPT".to_owned());
        rules
    }

    /// New connections of a cell that has too many open, or opens too many. A closed one stays in the kernel's list for two
    /// minutes, and is counted by the second rule alone.
    fn crowded(&self) -> impl Iterator<Item = String> {
        let host_bits = if self.family == Family::Four { 32 } else { 128 };
        let name = &self.instance;
        let rules = self.connections.map(|most| {
            let rate = new_a_second(most);
            [
                format!("-m conntrack --ctstate NEW -m connlimit --connlimit-above {most} --connlimit-mask {host_bits} --connlimit-saddr"),
                format!("-m conntrack --ctstate NEW -m hashlimit --hashlimit-above {rate}/sec --hashlimit-burst {most} --hashlimit-mode srcip --hashlimit-name circle-{name}"),
            ]
        });
        rules.into_iter().flatten()
    }

    /// Denied packets are answered, so that a job fails within a second and not at its time-out.
    fn deny(&self) -> &'static str {
        match self.family {
            Family::Four => "REJECT --reject-with icmp-admin-prohibited",
            Family::Six => "REJECT --reject-with icmp6-adm-prohibited",
        }
    }

    /// Whether all jumps stand, with nothing but Circle's own rules before them, and no rule is missing behind them. Rules
    /// are counted and their ranges looked for: versions of the tool write the same rule in different words.
    fn stand(&self, saved: &str) -> bool {
        let head = |chain: &str| {
            let start = format!("-A {chain} ");
            let rules = rules_of(saved, "filter").filter(move |rule| rule.starts_with(&start));
            rules
                .take_while(|rule| rule.contains("--comment \"circle:"))
                .filter(|rule| rule.contains(&self.mark()))
                .count()
        };
        let whole = |chain: &str, wanted: &[String]| {
            let start = format!("-A {chain} ");
            let found: Vec<&str> = rules_of(saved, "filter")
                .filter(|rule| rule.starts_with(&start))
                .collect();
            found.len() == wanted.len()
                && wanted.iter().zip(&found).all(|(wanted, found)| {
                    wanted
                        .split(' ')
                        .filter(|word| word.contains('/'))
                        .all(|range| found.contains(range))
                })
        };
        let masquerades = rules_of(saved, "nat").any(|rule| rule.contains(&self.mark()));
        head("FORWARD") == 2
            && head("INPUT") == 1
            && masquerades
            && whole(&self.chain("OUT"), &self.outwards())
            && whole(&self.chain("HOST"), &self.to_host())
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

/// How many connections a second may be new where so many may be open, once as many were.
pub(super) fn new_a_second(most: u32) -> u32 {
    (most / 16).max(1)
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
    use std::collections::BTreeMap;

    use super::{Family, Rules};

    fn rules(family: Family) -> Rules {
        let range = match family {
            Family::Four => "198.18.0.0/15",
            Family::Six => "fd00:c1c1::/64",
        };
        Rules {
            family,
            instance: "abc".to_owned(),
            range: range.parse().expect("a range"),
            allow: ["10.1.0.0/16", "fd00:5::/64"]
                .map(|range| range.parse().expect("a range"))
                .to_vec(),
            cells: BTreeMap::new(),
            connections: Some(4096),
        }
    }

    /// What `iptables-save` says once a batch was restored into tables that hold one rule of somebody else.
    fn saved_after(rules: &Rules) -> String {
        let batch = rules.assert("").expect("a batch");
        let (filter, nat) = batch.split_once("*nat\n").expect("two tables");
        let of = |text: &str, start: &str| -> String {
            text.lines()
                .filter(|line| line.starts_with(start))
                .map(|line| format!("{line}\n"))
                .collect()
        };
        let mut inserted: Vec<&str> = filter.lines().filter(|line| line.starts_with("-I ")).collect();
        inserted.reverse();
        let inserted: String = inserted
            .iter()
            .map(|line| format!("{}\n", line.replacen("-I ", "-A ", 1).replacen(" 1 ", " ", 1)))
            .collect();
        format!(
            "*filter\n:FORWARD DROP [0:0]\n{}{inserted}-A FORWARD -j DOCKER-USER\n{}COMMIT\n*nat\n{}COMMIT\n",
            of(filter, ":"),
            of(filter, "-A "),
            of(nat, "-A "),
        )
    }

    #[test]
    fn rules_that_stand_are_left_alone() {
        for family in [Family::Four, Family::Six] {
            let rules = rules(family);
            assert_eq!(rules.assert(&saved_after(&rules)), None, "{family:?}");
        }
    }

    #[test]
    fn rules_that_others_overtook_are_put_ahead_again() {
        let rules = rules(Family::Four);
        let overtaken = saved_after(&rules).replacen("-A FORWARD", "-A FORWARD -o docker0 -j ACCEPT\n-A FORWARD", 1);
        let batch = rules.assert(&overtaken).expect("a batch");
        assert!(batch.contains("-D FORWARD -i cvabc+ -m comment --comment \"circle:abc\" -j CIRCLE-abc-OUT\n"));
        assert!(batch.contains("-I FORWARD 1 -i cvabc+"));
        let beside = saved_after(&rules).replacen(
            "-A FORWARD",
            "-A FORWARD -o cvdef+ -m comment --comment \"circle:def\" -j ACCEPT\n-A FORWARD",
            1,
        );
        assert_eq!(
            rules.assert(&beside),
            None,
            "another instance's rules may stand before ours"
        );
    }

    #[test]
    fn whatever_is_missing_is_put_back() {
        let rules = rules(Family::Four);
        let saved = saved_after(&rules);
        for line in saved.lines().filter(|line| line.contains("abc")) {
            let damaged: String = saved
                .lines()
                .filter(|kept| *kept != line)
                .map(|kept| format!("{kept}\n"))
                .collect();
            if !line.starts_with(':') {
                assert!(rules.assert(&damaged).is_some(), "nobody missed {line}");
            }
        }
    }

    #[test]
    fn what_is_allowed_stands_before_what_is_denied() {
        let mut rules = rules(Family::Four);
        let cell = crate::CellId::new("abc", 7);
        rules
            .cells
            .insert(cell, vec!["192.168.7.0/24".parse().expect("a range")]);
        let batch = rules.assert("").expect("a batch");
        let place = |text: &str| batch.find(text).unwrap_or_else(|| panic!("{text} is not in {batch}"));
        for denied in [
            "-o cv+ -j REJECT",
            "-d 169.254.0.0/16 -j REJECT",
            "-d 198.18.0.0/15 -j REJECT",
        ] {
            assert!(place(denied) < place("-d 10.1.0.0/16 -j ACCEPT"), "{denied}");
        }
        assert!(place("-d 10.1.0.0/16 -j ACCEPT") < place("-d 10.0.0.0/8 -j REJECT"));
        assert!(place("-d 192.168.7.0/24 -i cvabc0007 -j ACCEPT") < place("-d 192.168.0.0/16 -j REJECT"));
        assert!(!batch.contains("fd00:5"), "each family has its own ranges");
    }

    #[test]
    fn everything_of_the_instance_is_removed_and_nothing_else() {
        let rules = rules(Family::Four);
        let batch = rules.remove(&saved_after(&rules)).expect("a batch");
        assert_eq!(batch.matches("-D ").count(), 4);
        assert_eq!((batch.matches("-F ").count(), batch.matches("-X ").count()), (2, 2));
        assert!(!batch.contains("DOCKER-USER"));
        assert_eq!(rules.remove("*filter\n-A FORWARD -j DOCKER-USER\nCOMMIT"), None);
    }
}
