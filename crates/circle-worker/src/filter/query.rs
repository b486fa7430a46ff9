//! What stands behind the question mark. Read, judged and written anew, since engines have read other separators.

use url::form_urlencoded::{Serializer, parse};

use super::Refusal;
use super::rules::shown;
use super::ulimits::judge_ulimits;

/// Parameters of a build that give no right.
const BUILD: [&str; 28] = [
    "dockerfile",
    "t",
    "q",
    "nocache",
    "pull",
    "rm",
    "forcerm",
    "memory",
    "memswap",
    "cpushares",
    "cpuperiod",
    "cpuquota",
    "cpusetcpus",
    "cpusetmems",
    "shmsize",
    "buildargs",
    "labels",
    "cachefrom",
    "target",
    "squash",
    "extrahosts",
    "platform",
    "version",
    "buildid",
    "session",
    "ulimits",
    "remote",
    "networkmode",
];

/// What `ps` may be asked for.
const PS: [&str; 2] = ["-ef", "aux"];

/// The query as the engine gets it.
pub(super) fn rewritten(query: Option<&str>) -> String {
    write(pairs(query))
}

/// The query of a start: restoring a checkpoint from somewhere is no start.
pub(super) fn judge_start(query: Option<&str>) -> Result<String, Refusal> {
    let kept = pairs(query).into_iter().filter(|(_, value)| !value.is_empty());
    let kept: Vec<(String, String)> = kept.collect();
    match kept.iter().find(|(name, _)| name != "detachKeys") {
        Some((name, _)) => Err(Refusal::new(format!(
            "the parameter `{}` of a start is not allowed",
            shown(name)
        ))),
        None => Ok(write(kept)),
    }
}

/// The query of a listing of processes: more of the options of `ps` show environments, and processes of others.
pub(super) fn judge_top(query: Option<&str>) -> Result<String, Refusal> {
    let kept = pairs(query).into_iter().filter(|(_, value)| !value.is_empty());
    let kept: Vec<(String, String)> = kept.collect();
    match kept.iter().find(|(_, value)| !PS.contains(&value.as_str())) {
        Some((name, value)) => Err(Refusal::new(format!(
            "the parameter `{}={}` of a listing of processes is not allowed; `-ef` and `aux` are",
            shown(name),
            shown(value)
        ))),
        None => Ok(write(kept)),
    }
}

/// The query of a pull: an image from an address would be fetched by the engine, from where it sees more than a job does.
pub(super) fn judge_pull(query: Option<&str>) -> Result<String, Refusal> {
    let all = pairs(query);
    let odd = |name: &str, value: &str| name.eq_ignore_ascii_case("fromSrc") && !matches!(value, "" | "-");
    match all.iter().find(|(name, value)| odd(name, value)) {
        Some((_, value)) => Err(Refusal::new(format!(
            "an image cannot be imported from `{}`: the engine fetches none by address; send it (`fromSrc=-`)",
            shown(value)
        ))),
        None => Ok(write(all)),
    }
}

/// The query of a build.
pub(super) fn judge_build(query: Option<&str>, open_files: Option<u32>) -> Result<String, Refusal> {
    let mut kept = Vec::new();
    for (name, mut value) in pairs(query) {
        if matches!(value.as_str(), "" | "[]" | "{}" | "null" | "0" | "false") && !BUILD.contains(&name.as_str()) {
            continue;
        }
        let fits = match name.as_str() {
            "networkmode" => matches!(value.as_str(), "" | "default" | "bridge" | "none"),
            // The engine would fetch any other place by itself, from where it sees more than a job does.
            "remote" => matches!(value.as_str(), "" | "client-session"),
            "isolation" => value == "default",
            known => BUILD.contains(&known),
        };
        if !fits {
            let sentence = format!(
                "the parameter `{}={}` of a build is not allowed",
                shown(&name),
                shown(&value)
            );
            return Err(Refusal::new(sentence));
        }
        if name == "ulimits" && !value.is_empty() {
            let limits = serde_json::from_str(&value).map_err(|error| Refusal::new(format!("`ulimits`: {error}")))?;
            value = judge_ulimits(&limits, open_files)?.to_string();
        }
        kept.push((name, value));
    }
    Ok(write(kept))
}

fn pairs(query: Option<&str>) -> Vec<(String, String)> {
    parse(query.unwrap_or_default().as_bytes()).into_owned().collect()
}

fn write(pairs: Vec<(String, String)>) -> String {
    Serializer::new(String::new()).extend_pairs(pairs).finish()
}

#[cfg(test)]
mod tests {
    use super::{judge_build, judge_pull, judge_start, judge_top, rewritten};

    #[test]
    fn sec_30_no_parameter_gives_a_right() {
        assert_eq!(
            judge_build(Some("t=a&networkmode=default&rm=1&cgroupparent="), None).expect("harmless"),
            "t=a&networkmode=default&rm=1"
        );
        for query in [
            "networkmode=host",
            "t=a&%6eetworkmode=host",
            "networkmode=default&networkmode=host",
            "networkmode=container%3Ax",
            "cgroupparent=/",
            "securityopt=%5B%22seccomp%3Dunconfined%22%5D",
            "remote=http://127.0.0.1:3000/shop.git",
            "outputs=%5B%7B%22type%22%3A%22local%22%7D%5D",
            "entitlements=security.insecure",
            "ulimits=%5B%7B%22Name%22%3A%22rtprio%22%2C%22Hard%22%3A99%7D%5D",
            "ulimits=nofile",
        ] {
            assert!(judge_build(Some(query), None).is_err(), "{query}");
        }
        assert!(judge_start(Some("checkpoint=x&checkpoint-dir=/etc")).is_err());
        assert_eq!(
            judge_start(Some("detachKeys=ctrl-p")).expect("harmless"),
            "detachKeys=ctrl-p"
        );
        for query in [
            "fromSrc=http://127.0.0.1:3000/x",
            "fromImage=a&from%53rc=https://a/",
            "fromSrc=-&fromSrc=a",
            "FROMSRC=a",
        ] {
            assert!(judge_pull(Some(query)).is_err(), "{query}");
        }
        for query in ["fromImage=busybox&tag=1", "fromSrc=-&repo=a", "fromImage=a&fromSrc="] {
            assert!(judge_pull(Some(query)).is_ok(), "{query}");
        }
        for query in ["ps_args=eww", "ps_args=-ef&ps_args=e", "ps_args=-o+pid,args+-C+sh"] {
            assert!(judge_top(Some(query)).is_err(), "{query}");
        }
        assert_eq!(judge_top(Some("ps_args=aux")).expect("harmless"), "ps_args=aux");
        assert_eq!(judge_top(Some("ps_args=")).expect("harmless"), "");
        // Some engines take a semicolon for a separator.
        assert_eq!(rewritten(Some("a=b;c=d")), "a=b%3Bc%3Dd");
    }
}
