//! Pieces of a page of HTML: sections, tables whose rows have bars, a map. Pure.

use std::fmt::Write as _;

use crate::formats::xml::escape;

/// What stands in the head of the page: colours for light and dark, and print.
pub const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1d2430;--dim:#5b6574;--paper:#fff;--panel:#f4f6f9;--line:#d8dee8;--bar:#3b73c4;--warn:#9a4b00}\
@media(prefers-color-scheme:dark){:root{--ink:#e6eaf0;--dim:#9aa6b6;--paper:#14181f;--panel:#1d232c;--line:#343d4a;--bar:#6ea1ea;--warn:#ffb469}}\
*{box-sizing:border-box}body{margin:0 auto;max-width:72rem;padding:1.5rem;background:var(--paper);color:var(--ink);\
font:16px/1.5 system-ui,sans-serif}h1{font-size:1.6rem;margin:0}h2{font-size:1.15rem;margin:0 0 .5rem}p{margin:.25rem 0 .75rem}\
.dim{color:var(--dim)}nav a{margin-right:1rem}a{color:inherit}main{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));\
margin-top:1rem}section{background:var(--panel);border:1px solid var(--line);border-radius:.5rem;padding:1rem;overflow-x:auto}\
section.wide{grid-column:1/-1}table{border-collapse:collapse;width:100%;font-size:.9rem}th,td{padding:.2rem .5rem;text-align:left;\
vertical-align:middle;border-bottom:1px solid var(--line)}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\
th[scope=row]{font-weight:400;overflow-wrap:anywhere}td.b{width:35%;min-width:6rem}.bar{height:.7rem;background:var(--bar);border-radius:.2rem}\
.warn{color:var(--warn)}svg.map{width:100%;max-width:26rem;height:auto;border:1px solid var(--line)}svg.map rect{fill:var(--bar)}\
.samples{display:grid;gap:1rem;grid-template-columns:repeat(auto-fill,minmax(min(100%,18rem),1fr))}figure{margin:0}\
figure svg{width:100%;height:auto;display:block;background:#888}figcaption{font-size:.8rem;overflow-wrap:anywhere}\
figure rect{fill:none;stroke-width:2;vector-effect:non-scaling-stroke}.key{display:inline-block;width:.8rem;height:.8rem;border-radius:.15rem;margin-right:.3rem}\
@media print{section{break-inside:avoid}}";

/// A section with a heading; `id` is where links lead.
pub fn section(id: &str, title: &str, about: &str, is_wide: bool, inside: &str) -> String {
    let class = if is_wide { " class=\"wide\"" } else { "" };
    format!(
        "<section id=\"{id}\"{class} aria-labelledby=\"h-{id}\">\n<h2 id=\"h-{id}\">{}</h2>\n<p class=\"dim\">{}</p>\n{inside}</section>\n",
        escape(title),
        escape(about)
    )
}

/// A table of names and numbers, the first number of each row as a bar too. With none, a word that there is nothing.
pub fn bars(headings: &[&str], rows: &[(String, Vec<u64>)]) -> String {
    if rows.is_empty() {
        return "<p>None.</p>\n".into();
    }
    let most = rows
        .iter()
        .filter_map(|(_, n)| n.first())
        .max()
        .copied()
        .unwrap_or(0);
    let mut html = head(headings, true);
    for (name, numbers) in rows {
        let _ = write!(html, "<tr><th scope=\"row\">{}</th>", name_or_blank(name));
        for number in numbers {
            let _ = write!(html, "<td class=\"n\">{number}</td>");
        }
        let part = numbers.first().copied().unwrap_or(0) as f64 / most.max(1) as f64 * 100.0;
        let _ = writeln!(
            html,
            "<td class=\"b\" aria-hidden=\"true\"><div class=\"bar\" style=\"width:{part:.1}%\"></div></td></tr>"
        );
    }
    html + "</tbody></table>\n"
}

/// A table of texts, the first of each row its name.
pub fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return "<p>None.</p>\n".into();
    }
    let mut html = head(headings, false);
    for row in rows {
        html.push_str("<tr>");
        for (n, cell) in row.iter().enumerate() {
            let cell = name_or_blank(cell);
            match n {
                0 => drop(write!(html, "<th scope=\"row\">{cell}</th>")),
                _ => drop(write!(html, "<td>{cell}</td>")),
            }
        }
        html.push_str("</tr>\n");
    }
    html + "</tbody></table>\n"
}

fn name_or_blank(name: &str) -> String {
    match name.trim().is_empty() {
        true => "(none)".into(),
        // Names in scripts from right to left keep to themselves.
        false => format!("<bdi>{}</bdi>", escape(name)),
    }
}

fn head(headings: &[&str], has_bars: bool) -> String {
    let mut html = String::from("<table><thead><tr>");
    for (n, heading) in headings.iter().enumerate() {
        let class = if n > 0 && has_bars {
            " class=\"n\""
        } else {
            ""
        };
        let _ = write!(html, "<th scope=\"col\"{class}>{}</th>", escape(heading));
    }
    if has_bars {
        html.push_str("<td></td>");
    }
    html + "</tr></thead><tbody>\n"
}

/// A square map of counts, the darker the more, with a table of the same.
pub fn map(cells: &[u64], side: usize, label: &str) -> String {
    let most = cells.iter().max().copied().unwrap_or(0);
    if most == 0 {
        return "<p>None.</p>\n".into();
    }
    let mut html = format!(
        "<svg class=\"map\" viewBox=\"0 0 {side} {side}\" role=\"img\" aria-label=\"{}\">\n",
        escape(label)
    );
    for (at, n) in cells.iter().enumerate().filter(|(_, n)| **n > 0) {
        let part = (*n as f64 / most as f64).sqrt();
        let _ = writeln!(
            html,
            "<rect x=\"{}\" y=\"{}\" width=\"1\" height=\"1\" fill-opacity=\"{part:.3}\"><title>{n}</title></rect>",
            at % side,
            at / side
        );
    }
    html.push_str("</svg>\n<details><summary>As a table</summary>\n<table><tbody>\n");
    for row in cells.chunks(side) {
        let row: String = row
            .iter()
            .map(|n| format!("<td class=\"n\">{n}</td>"))
            .collect();
        let _ = writeln!(html, "<tr>{row}</tr>");
    }
    html + "</tbody></table>\n</details>\n"
}
