//! The two forms of the data files: sections of lines, and rows of columns. Blank lines and those that begin with `#`
//! say nothing.

use crate::data::DataError;

/// A heading `[name]` or `[name once]` and the lines below it.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) name: &'static str,
    /// Whether a ticket uses one of its lines throughout.
    pub(crate) once: bool,
    pub(crate) lines: Vec<&'static str>,
}

/// The sections of a file, none of them empty.
pub(crate) fn sections(file: &'static str, text: &'static str) -> Result<Vec<Section>, DataError> {
    let mut sections: Vec<Section> = Vec::new();
    for line in said(text) {
        if let Some(heading) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let (name, once) = heading.strip_suffix(" once").map_or((heading, false), |name| (name, true));
            sections.push(Section { name, once, lines: Vec::new() });
        } else if let Some(section) = sections.last_mut() {
            section.lines.push(line);
        } else {
            return Err(DataError::NoSection { file, line });
        }
    }
    match sections.iter().find(|section| section.lines.is_empty()) {
        Some(empty) => Err(DataError::EmptySection { file, section: empty.name }),
        None => Ok(sections),
    }
}

/// The rows of a file, each of `N` columns between bars.
pub(crate) fn rows<const N: usize>(
    file: &'static str,
    text: &'static str,
) -> Result<Vec<[&'static str; N]>, DataError> {
    let columns = |line: &'static str| -> Result<[&'static str; N], DataError> {
        let columns: Vec<_> = line.split('|').map(str::trim).collect();
        columns.try_into().ok().ok_or(DataError::Columns { file, line, expected: N })
    };
    said(text).map(columns).collect()
}

fn said(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_hold_the_lines_below_their_heading() {
        let read = sections("f", "# c\n[a]\none\n\n two \n[b once]\nthree\n").unwrap();
        let shown: Vec<_> = read.iter().map(|s| (s.name, s.once, s.lines.clone())).collect();
        assert_eq!(shown, [("a", false, vec!["one", "two"]), ("b", true, vec!["three"])]);
    }

    #[test]
    fn a_line_before_any_heading_and_an_empty_section_are_refused() {
        assert!(matches!(sections("f", "one\n[a]\ntwo"), Err(DataError::NoSection { line: "one", .. })));
        assert!(matches!(sections("f", "[a]\n[b]\ntwo"), Err(DataError::EmptySection { section: "a", .. })));
    }

    #[test]
    fn rows_have_as_many_columns_as_they_must() {
        assert_eq!(rows::<2>("f", "a | b\n# c\nd |").unwrap(), [["a", "b"], ["d", ""]]);
        for text in ["a", "a|b|c"] {
            assert!(matches!(rows::<2>("f", text), Err(DataError::Columns { expected: 2, .. })), "{text}");
        }
    }
}
