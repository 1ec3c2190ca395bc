//! Indexes in titles as TeX has them in upright letters.

/// Commands that say no more than how an index looks.
const COMMANDS: [&str; 7] = ["textrm", "mathrm", "text", "rm", "textnormal", "textsf", "mathsf"];

/// The text with `_{\textrm{2}}` and `^{\rm th}` as `_{2}` and `^{th}`.
pub(crate) fn plain_scripts(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("{\\") {
        let (before, script) = rest.split_at(at);
        plain.push_str(before);
        let read = if plain.ends_with(['_', '^']) { read_script(&script[2..]) } else { None };
        match read {
            Some((index, after)) => {
                plain.push('{');
                plain.push_str(index);
                plain.push('}');
                rest = after;
            }
            None => {
                plain.push_str("{\\");
                rest = &script[2..];
            }
        }
    }
    plain + rest
}

/// The index that `textrm{2}}…` is, and what follows it.
fn read_script(script: &str) -> Option<(&str, &str)> {
    let (name, rest) = script.split_at(script.find(|c: char| !c.is_ascii_alphabetic())?);
    if !COMMANDS.contains(&name) {
        return None;
    }
    let argument = rest.trim_start_matches(' ');
    let (argument, has_braces) = match argument.strip_prefix('{') {
        Some(argument) => (argument, true),
        None if name == "rm" => (argument, false),
        None => return None,
    };
    let (index, after) = argument.split_at(argument.find(['{', '}', '\\'])?);
    let after = after.strip_prefix('}')?;
    Some((index, if has_braces { after.strip_prefix('}')? } else { after }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upright_indexes_are_plain() {
        for (text, plain) in [
            (r"CO$_{\textrm{2}}$ and N$_{\mathrm {2}}$", "CO$_{2}$ and N$_{2}$"),
            (r"the 5$^{\rm th}$ $T_{\text{eff}}$", "the 5$^{th}$ $T_{eff}$"),
            (r"$_{\alpha}$ $x_{\mathrm{a}b}$ {\rm x} _{\", r"$_{\alpha}$ $x_{\mathrm{a}b}$ {\rm x} _{\"),
        ] {
            assert_eq!(plain_scripts(text), plain);
        }
    }
}
