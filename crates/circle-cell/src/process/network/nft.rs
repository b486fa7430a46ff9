//! The firewall as a table of nftables' own: from what `nft --json list ruleset` says to what `nft --file` is told. Pure.
//!
//! Names and forms are those of nft(8) and libnftables-json(5).

use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use super::policy::{Family, never, private};
use super::rules::{Rules, new_a_second};
use crate::Cidr;

/// The rules of one provider instance in both families, which one table holds.
pub(super) struct Table<'r> {
    instance: &'r str,
    families: &'r [Rules],
}

/// Ahead of whatever filters at the usual priority (0), so that a denial comes first; what is accepted here is still asked of the others.
const PRIORITY: i32 = -10;
/// A denied packet is answered, so that a job fails within a second and not at its time-out.
const DENY: &str = "reject with icmpx type admin-prohibited";

impl<'r> Table<'r> {
    /// The rules of all families are of one instance.
    pub(super) fn new(instance: &'r str, families: &'r [Rules]) -> Self {
        Self { instance, families }
    }

    /// What to feed to `nft` so that the table stands as it should. `None`: it does already.
    pub(super) fn assert(&self, listed: &Value) -> Option<String> {
        let found = comments(listed, |rule| rule["table"] == self.name().as_str());
        let marks: Vec<String> = self.rules().iter().map(|(_, rule)| self.mark(rule)).collect();
        if found == marks {
            return None;
        }
        let name = self.name();
        // Added first, so that there is something to delete; all of it is one change.
        let mut batch = format!("add table inet {name}\ndelete table inet {name}\nadd table inet {name}\n");
        for rules in self.families.iter().filter(|rules| rules.connections.is_some()) {
            let word = word(rules.family);
            let about = format!("type {}; size 65535", address_type(rules.family));
            let _ = writeln!(batch, "add set inet {name} open_{word} {{ {about}; flags dynamic; }}");
            let _ = writeln!(
                batch,
                "add set inet {name} new_{word} {{ {about}; flags dynamic,timeout; timeout 2m; }}"
            );
        }
        for (chain, about) in [
            ("out", String::new()),
            ("host", String::new()),
            (
                "forward",
                format!("{{ type filter hook forward priority {PRIORITY}; }}"),
            ),
            ("input", format!("{{ type filter hook input priority {PRIORITY}; }}")),
            ("leave", "{ type nat hook postrouting priority 100; }".to_owned()),
        ] {
            let _ = writeln!(batch, "add chain inet {name} {chain} {about}");
        }
        for (chain, rule) in self.rules() {
            let _ = writeln!(
                batch,
                "add rule inet {name} {chain} {rule} comment \"{}\"",
                self.mark(&rule)
            );
        }
        Some(batch)
    }

    /// What to feed to `nft` so that the filters of others let pass what this table lets pass: a rule at the head of each, since
    /// an accept in one table does not hold in the next. `None`: they do already.
    pub(super) fn assert_holes(&self, listed: &Value) -> Option<String> {
        let mut batch = String::new();
        for chain in self.foreign(listed) {
            let wanted = self.holes();
            let in_chain = |rule: &Value| chain.is_of(rule);
            let own = wanted.iter().map(|rule| self.mark(rule)).collect::<Vec<_>>();
            // Other instances' rules may stand before this one's, and nobody else's.
            let all = comments(listed, in_chain);
            let head = all.iter().take_while(|comment| comment.starts_with("circle:"));
            let head: Vec<&String> = head.filter(|comment| self.is_mark(comment)).collect();
            if head == own.iter().collect::<Vec<_>>() {
                continue;
            }
            self.delete_holes(listed, &chain, &mut batch);
            for rule in wanted.iter().rev() {
                let _ = writeln!(
                    batch,
                    "insert rule {} {rule} comment \"{}\"",
                    chain.path(),
                    self.mark(rule)
                );
            }
        }
        (!batch.is_empty()).then_some(batch)
    }

    /// What to feed to `nft` so that nothing of this instance is left. `None`: nothing is.
    pub(super) fn remove(&self, listed: &Value) -> Option<String> {
        let mut batch = String::new();
        if items(listed, "table").any(|table| table["name"] == self.name().as_str()) {
            let _ = writeln!(batch, "delete table inet {}", self.name());
        }
        for chain in self.foreign(listed) {
            self.delete_holes(listed, &chain, &mut batch);
        }
        (!batch.is_empty()).then_some(batch)
    }

    fn delete_holes(&self, listed: &Value, chain: &Chain, batch: &mut String) {
        let rules = items(listed, "rule").filter(|rule| chain.is_of(rule));
        for rule in rules.filter(|rule| rule["comment"].as_str().is_some_and(|comment| self.is_mark(comment))) {
            let _ = writeln!(batch, "delete rule {} handle {}", chain.path(), rule["handle"]);
        }
    }

    /// Every rule with its chain, in order.
    fn rules(&self) -> Vec<(&'static str, String)> {
        let links = self.links();
        let mut rules = vec![
            (
                "forward",
                format!("oifname \"{links}\" ct state established,related accept"),
            ),
            ("forward", format!("oifname \"{links}\" drop")),
            ("forward", format!("iifname \"{links}\" jump out")),
            ("input", format!("iifname \"{links}\" jump host")),
            ("host", "ct state established,related accept".to_owned()),
            (
                "host",
                "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept".to_owned(),
            ),
            ("host", DENY.to_owned()),
            ("out", format!("oifname \"cv*\" {DENY}")),
        ];
        for family in [Family::Four, Family::Six] {
            let of_family = self.families.iter().find(|rules| rules.family == family);
            match of_family {
                Some(of_family) => rules.extend(outwards(of_family).into_iter().map(|rule| ("out", rule))),
                None => rules.push(("out", format!("meta nfproto {} drop", nfproto(family)))),
            }
        }
        for of_family in self.families {
            let word = word(of_family.family);
            let rule = format!("{word} saddr {} oifname != \"cv*\" masquerade", of_family.range);
            rules.push(("leave", rule));
        }
        // The list comes chain by chain, in the order in which they are made.
        let place = |chain: &str| {
            ["out", "host", "forward", "input", "leave"]
                .iter()
                .position(|name| *name == chain)
        };
        rules.sort_by_key(|(chain, _)| place(chain));
        rules
    }

    /// What others let pass: all that comes to them, since this table was asked before. In expressions that iptables understands, whose
    /// chains these may be: it gives up a table in which it finds others.
    fn holes(&self) -> [String; 2] {
        let links = self.links();
        [
            format!("oifname \"{links}\" accept"),
            format!("iifname \"{links}\" accept"),
        ]
    }

    /// Filters of others between cells and the world.
    fn foreign(&self, listed: &Value) -> Vec<Chain> {
        let chains = items(listed, "chain").filter(|chain| {
            chain["type"] == "filter"
                && ["ip", "ip6", "inet"].iter().any(|family| chain["family"] == *family)
                && chain["hook"] == "forward"
                && !chain["table"]
                    .as_str()
                    .is_some_and(|table| table.starts_with("circle_"))
        });
        chains.filter_map(Chain::read).collect()
    }

    fn name(&self) -> String {
        format!("circle_{}", self.instance)
    }

    fn links(&self) -> String {
        format!("cv{}*", self.instance)
    }

    /// A comment that names the instance and the rule, so that a changed one is noticed: the tool lists rules in words of its own.
    fn mark(&self, rule: &str) -> String {
        let mut hasher = DefaultHasher::new();
        rule.hash(&mut hasher);
        format!("circle:{}:{:016x}", self.instance, hasher.finish())
    }

    fn is_mark(&self, comment: &str) -> bool {
        let mark = comment.strip_prefix("circle:").and_then(|rest| rest.split_once(':'));
        mark.is_some_and(|(instance, _)| instance == self.instance)
    }
}

/// What may pass in one family: first what nobody can allow, then what is allowed, then what is denied, then the internet.
fn outwards(rules: &Rules) -> Vec<String> {
    let word = word(rules.family);
    let of_family = |range: &&Cidr| Family::of(**range) == rules.family;
    let to = |range: &Cidr, verdict: &str| format!("{word} daddr {range} {verdict}");
    let mut lines = vec![format!("{word} saddr != {} drop", rules.range)];
    if let Some(most) = rules.connections {
        let rate = format!("limit rate over {}/second burst {most} packets", new_a_second(most));
        lines.extend([
            format!("ct state new add @open_{word} {{ {word} saddr ct count over {most} }} {DENY}"),
            format!("ct state new update @new_{word} {{ {word} saddr {rate} }} {DENY}"),
        ]);
    }
    lines.push(to(&rules.range, DENY));
    lines.extend(never(rules.family).iter().map(|range| to(range, DENY)));
    lines.extend(rules.allow.iter().filter(of_family).map(|range| to(range, "accept")));
    for (cell, ranges) in &rules.cells {
        let open = |range: &Cidr| format!("iifname \"{}\" {}", cell.link(), to(range, "accept"));
        lines.extend(ranges.iter().filter(of_family).map(open));
    }
    lines.extend(private(rules.family).iter().map(|range| to(range, DENY)));
    lines.push(format!("meta nfproto {} accept", nfproto(rules.family)));
    lines
}

fn word(family: Family) -> &'static str {
    match family {
        Family::Four => "ip",
        Family::Six => "ip6",
    }
}

fn address_type(family: Family) -> &'static str {
    match family {
        Family::Four => "ipv4_addr",
        Family::Six => "ipv6_addr",
    }
}

fn nfproto(family: Family) -> &'static str {
    match family {
        Family::Four => "ipv4",
        Family::Six => "ipv6",
    }
}

/// A chain of somebody else.
struct Chain {
    family: String,
    table: String,
    name: String,
}

impl Chain {
    fn read(chain: &Value) -> Option<Self> {
        let text = |key: &str| chain[key].as_str().map(str::to_owned);
        Some(Self {
            family: text("family")?,
            table: text("table")?,
            name: text("name")?,
        })
    }

    fn path(&self) -> String {
        format!("{} {} {}", self.family, self.table, self.name)
    }

    fn is_of(&self, rule: &Value) -> bool {
        rule["family"] == self.family.as_str()
            && rule["table"] == self.table.as_str()
            && rule["chain"] == self.name.as_str()
    }
}

/// The objects of one kind in a list.
fn items<'l>(listed: &'l Value, kind: &'static str) -> impl Iterator<Item = &'l Value> {
    let all = listed["nftables"].as_array().into_iter().flatten();
    all.filter_map(move |item| item.get(kind))
}

/// The comments of the rules that fit, in order; a rule without one has an empty one.
fn comments(listed: &Value, fits: impl Fn(&Value) -> bool) -> Vec<String> {
    let rules = items(listed, "rule").filter(|rule| fits(rule));
    rules
        .map(|rule| rule["comment"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Table;
    use crate::process::network::policy::Family;
    use crate::process::network::rules::Rules;

    fn families() -> Vec<Rules> {
        let cell = crate::CellId::new("abc", 7);
        let open = ["192.168.7.0/24", "fd00:7::/64"].map(|range| range.parse().expect("a range"));
        let rules = |family, range: &str| Rules {
            family,
            instance: "abc".to_owned(),
            range: range.parse().expect("a range"),
            allow: ["10.1.0.0/16", "fd00:5::/64"]
                .map(|range| range.parse().expect("a range"))
                .to_vec(),
            cells: [(cell.clone(), open.to_vec())].into(),
            connections: Some(4096),
        };
        vec![
            rules(Family::Four, "198.18.0.0/15"),
            rules(Family::Six, "fd00:c1c1::/64"),
        ]
    }

    /// What the tool lists once a batch was taken.
    fn listed_after(batch: &str) -> Vec<Value> {
        let rules = batch.lines().filter_map(|line| line.strip_prefix("add rule inet "));
        let rule = |line: &str| {
            let mut words = line.split(' ');
            let (table, chain) = (words.next(), words.next());
            let comment = line
                .split_once(" comment \"")
                .map(|(_, comment)| comment.trim_end_matches('"'));
            json!({"rule": {"family": "inet", "table": table, "chain": chain, "handle": 1, "comment": comment}})
        };
        let table = json!({"table": {"family": "inet", "name": "circle_abc"}});
        std::iter::once(table).chain(rules.map(rule)).collect()
    }

    fn list(items: &[Value]) -> Value {
        json!({ "nftables": items })
    }

    #[test]
    fn a_table_that_stands_is_left_alone_and_a_damaged_one_made_anew() {
        let families = families();
        let table = Table::new("abc", &families);
        let batch = table.assert(&list(&[])).expect("a batch");
        let stands = listed_after(&batch);
        assert_eq!(table.assert(&list(&stands)), None);
        for missing in 1..stands.len() {
            let mut damaged = stands.clone();
            damaged.remove(missing);
            assert!(
                table.assert(&list(&damaged)).is_some(),
                "nobody missed {}",
                stands[missing]
            );
        }
        let mut more = stands;
        more.push(json!({"rule": {"family": "inet", "table": "circle_abc", "chain": "out", "handle": 9}}));
        assert!(table.assert(&list(&more)).is_some(), "a rule too many is noticed");
    }

    #[test]
    fn what_is_allowed_stands_before_what_is_denied() {
        let families = families();
        let batch = Table::new("abc", &families).assert(&list(&[])).expect("a batch");
        let place = |text: &str| batch.find(text).unwrap_or_else(|| panic!("{text} is not in {batch}"));
        for (denied, allowed, private) in [
            (
                "ip daddr 169.254.0.0/16 reject",
                "ip daddr 10.1.0.0/16 accept",
                "ip daddr 10.0.0.0/8 reject",
            ),
            (
                "ip6 daddr fe80::/10 reject",
                "iifname \"cvabc0007\" ip6 daddr fd00:7::/64 accept",
                "ip6 daddr fc00::/7 reject",
            ),
        ] {
            assert!(
                place(denied) < place(allowed) && place(allowed) < place(private),
                "{batch}"
            );
        }
        assert!(place("oifname \"cv*\" reject") < place("ip daddr 169.254.0.0/16 reject"));
    }

    #[test]
    fn without_a_range_of_its_own_a_family_is_closed() {
        let families = &families()[..1];
        let batch = Table::new("abc", families).assert(&list(&[])).expect("a batch");
        assert!(
            batch.contains("add rule inet circle_abc out meta nfproto ipv6 drop"),
            "{batch}"
        );
        assert!(!batch.contains("ip6 daddr"), "{batch}");
    }

    #[test]
    fn filters_of_others_get_holes_ahead_of_their_rules_and_lose_them_again() {
        let families = families();
        let table = Table::new("abc", &families);
        let chain = json!({"chain": {
            "family": "ip", "table": "filter", "name": "FORWARD", "type": "filter", "hook": "forward", "policy": "drop",
        }});
        let rule = |handle: u32, comment: Option<&str>| json!({"rule": {"family": "ip", "table": "filter", "chain": "FORWARD", "handle": handle, "comment": comment}});
        let holes = table
            .assert_holes(&list(&[chain.clone(), rule(1, None)]))
            .expect("a batch");
        let comments: Vec<&str> = holes
            .lines()
            .rev()
            .map(|line| line.split('"').nth(3).expect("a comment"))
            .collect();
        assert_eq!(comments.len(), 2, "{holes}");
        let stand = |before: Option<&str>| {
            let mut items = vec![chain.clone()];
            items.extend(before.map(|comment| rule(9, Some(comment))));
            items.extend(comments.iter().map(|comment| rule(7, Some(comment))));
            items.push(rule(1, None));
            list(&items)
        };
        assert_eq!(table.assert_holes(&stand(None)), None);
        assert_eq!(
            table.assert_holes(&stand(Some("circle:def:00000000"))),
            None,
            "another instance's may stand before"
        );
        let overtaken = table.assert_holes(&stand(Some("somebody's"))).expect("a batch");
        assert!(
            overtaken.contains("delete rule ip filter FORWARD handle 7\n"),
            "{overtaken}"
        );
        let removed = table.remove(&stand(Some("circle:def:00000000"))).expect("a batch");
        assert_eq!(removed, "delete rule ip filter FORWARD handle 7\n".repeat(2));
        assert_eq!(table.remove(&list(&[chain.clone(), rule(1, None)])), None);
    }
}
