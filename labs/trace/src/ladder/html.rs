//! A ladder as a page: texts that stand before it, the drawing, what its signs mean, and the same as text; or the texts
//! alone. Nothing is loaded from anywhere.

use super::picture::Picture;
use super::svg::escaped;
use super::{svg, text};

const STYLE: &str = "
:root { color-scheme: light dark }
body { font: 16px/1.5 ui-sans-serif, system-ui, sans-serif; margin: 2rem auto; padding: 0 1rem; max-width: 75rem;
  color: #1a1a1a; background: #ffffff }
svg { max-width: 100%; height: auto } pre { overflow-x: auto; font-size: 13px }
@media (prefers-color-scheme: dark) { body { color: #e8e8e8; background: #16181c } }
";

const LEGEND: &str = "\
<p>Time runs down. Blue bars are connections: a bar begins where one opens and ends where both sides have ended it, \
with a cross where it was reset. Green bars are sessions: whole while a connection holds them, dotted while none does; \
a circle is where something happens to them. A dashed arrow is a kept reply, an orange one a refusal. Behind the words \
of a frame stands its size, header and all.</p>
";

pub(super) fn draw(picture: &Picture, title: &str, texts: &[(&str, &str)]) -> String {
    let (drawing, words) = (svg::draw(picture), escaped(&text::draw(picture)));
    let ladder =
        format!("{LEGEND}{drawing}<details><summary>The same as text</summary>\n<pre>{words}</pre></details>\n");
    sheet(title, texts, &ladder)
}

/// Texts under their headings, and what stands behind them.
pub(super) fn sheet(title: &str, texts: &[(&str, &str)], behind: &str) -> String {
    let title = escaped(title);
    let before = texts.iter().fold(String::new(), |before, (head, text)| {
        before + "<h2>" + &escaped(head) + "</h2>\n<pre>" + &escaped(text) + "</pre>\n"
    });
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n{before}{behind}</body>\n</html>\n"
    )
}
