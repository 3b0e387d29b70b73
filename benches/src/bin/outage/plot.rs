//! The outages as bars.

use std::fmt::Write as _;

use super::stage::Case;
use super::tally::Figures;
use super::ways::Way;

const LABELS: u128 = 230;
const WIDTH: u128 = 760;
const ROW: u128 = 22;

/// An SVG of the median outages.
pub(crate) fn svg(engine: &str, figures: &Figures) -> String {
    let most = figures.0.keys().filter_map(|(r, w)| figures.median(*r, *w)).max().unwrap_or(1);
    let mut rows = String::new();
    let mut y = 50;
    for case in Case::ALL {
        // Writing into a text can't fail.
        let _ = write!(rows, "<text x=\"8\" y=\"{y}\" font-weight=\"bold\">{case}</text>");
        y += ROW;
        for way in Way::ALL {
            let Some(median) = figures.median(case, way) else { continue };
            let width = (median * (WIDTH - LABELS - 70) / most.max(1)).max(1);
            let colour = if way.is_ours() { "#2b6cb0" } else { "#a0aec0" };
            let _ = write!(
                rows,
                "<text x=\"{}\" y=\"{y}\" text-anchor=\"end\">{way}</text>\
                 <rect x=\"{LABELS}\" y=\"{}\" width=\"{width}\" height=\"14\" fill=\"{colour}\"/>\
                 <text x=\"{}\" y=\"{y}\">{median} ms</text>",
                LABELS - 8,
                y - 12,
                LABELS + width + 6,
            );
            y += ROW;
        }
        y += ROW / 2;
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{y}\" \
         font-family=\"sans-serif\" font-size=\"13\">\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\
         <text x=\"8\" y=\"24\" font-size=\"15\">Outage while a container is replaced, median, {engine}</text>\
         {rows}</svg>\n"
    )
}
