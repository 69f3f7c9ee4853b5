//! Prints a verdict to the terminal.

use crate::output::{Output, style, styled, width};
use engine::text::{pluralize, truncate};
use eval::report::Verdict;
use eval::significance::{Comparison, RANDOMIZATION_TEST, SIGNIFICANCE_LEVEL};

/// The widths of "0.7317" and of "[0.690, 0.772]".
const MEAN_WIDTH: usize = 6;
const INTERVAL_WIDTH: usize = 14;
/// The most failing paraphrases to print; the report has all of them.
const MAX_FAILING: usize = 5;

/// Prints everything except what only the report has room for.
pub fn print_verdict(output: &mut Output, verdict: &Verdict) -> anyhow::Result<()> {
    systems(output, verdict)?;
    comparisons(output, verdict)?;
    losses(output, verdict)?;
    paraphrases(output, verdict)?;
    selection(output, verdict)?;
    let timings = &verdict.timings;
    output.line(styled(
        style::FAINT,
        format_args!(
            "{:.1} s: embedding {:.1}, searching {:.1}, judging {:.3}, tests {:.1}, causes {:.1}",
            timings.total_s,
            timings.embed_s,
            timings.search_s,
            timings.judge_s,
            timings.test_s,
            timings.loss_s
        ),
    ))?;
    Ok(())
}

/// The width of the column of system names.
fn name_width(verdict: &Verdict) -> usize {
    verdict
        .systems
        .iter()
        .map(|system| system.name.chars().count())
        .max()
        .unwrap_or(0)
        .clamp(8, 44)
}

fn systems(output: &mut Output, verdict: &Verdict) -> anyhow::Result<()> {
    output.line(styled(
        style::STRONG,
        format_args!(
            "{}, {} by {}",
            pluralize(verdict.queries, "question"),
            pluralize(verdict.judgements, "judgement"),
            if verdict.by == eval::Level::Article {
                "article"
            } else {
                "answer"
            }
        ),
    ))?;
    let names = name_width(verdict);
    // If a mean and its interval do not fit side by side, the interval goes below.
    let side_by_side = names + verdict.metrics.len() * (MEAN_WIDTH + INTERVAL_WIDTH + 3) <= width();
    let column = if side_by_side {
        MEAN_WIDTH + INTERVAL_WIDTH + 1
    } else {
        INTERVAL_WIDTH
    };
    let head: String = verdict
        .metrics
        .iter()
        .map(|metric| format!("  {metric:>column$}"))
        .collect();
    output.line(styled(style::FAINT, format_args!("{:<names$}{head}", "")))?;
    for system in &verdict.systems {
        let (mut means, mut intervals) = (
            format!("{:<names$}", truncate(&system.name, names)),
            format!("{:<names$}", ""),
        );
        for metric in &verdict.metrics {
            let Some(figure) = system.metrics.get(metric) else {
                continue;
            };
            let best = verdict
                .systems
                .iter()
                .filter_map(|s| s.metrics.get(metric))
                .all(|f| f.mean <= figure.mean);
            let mean = format!("{:.4}", figure.mean);
            let mean = if best && verdict.systems.len() > 1 {
                styled(style::GOOD, mean)
            } else {
                mean
            };
            let [low, high] = figure.ci95;
            let interval = styled(style::FAINT, format_args!("[{low:.3}, {high:.3}]"));
            if side_by_side {
                means.push_str(&format!("  {mean} {interval}"));
            } else {
                means.push_str(&format!(
                    "  {}{mean}",
                    " ".repeat(INTERVAL_WIDTH - MEAN_WIDTH)
                ));
                intervals.push_str(&format!("  {interval}"));
            }
        }
        output.line(means)?;
        if !side_by_side {
            output.line(intervals)?;
        }
    }
    output.line("")?;
    Ok(())
}

/// The comparisons by the first metric. The report and the JSON document have those by all metrics.
fn comparisons(output: &mut Output, verdict: &Verdict) -> anyhow::Result<()> {
    let of_primary = |c: &&Comparison| c.metric == verdict.primary && c.test == RANDOMIZATION_TEST;
    let shown: Vec<&Comparison> = verdict.comparisons.iter().filter(of_primary).collect();
    if shown.is_empty() {
        return Ok(());
    }
    output.line(styled(
        style::STRONG,
        format_args!("Are the differences in {} significant?", verdict.primary),
    ))?;
    for c in shown {
        let Comparison {
            a,
            b,
            difference,
            ci95: [low, high],
            p_holm,
            ..
        } = c;
        // The better system comes first, so that all differences are positive.
        let (a, b, difference, low, high) = if *difference < 0.0 {
            (b, a, -difference, -high, -low)
        } else {
            (a, b, *difference, *low, *high)
        };
        let of_both =
            |other: &&Comparison| (&other.a, &other.b, &other.metric) == (&c.a, &c.b, &c.metric);
        let tests = verdict.comparisons.iter().filter(of_both);
        let is_significant = |test: &Comparison| test.p_holm < SIGNIFICANCE_LEVEL;
        let (significant, not): (Vec<_>, Vec<_>) = tests.partition(|test| is_significant(test));
        let outcome = match (significant.is_empty(), not.is_empty()) {
            (true, _) => format!("{a} and {b} do not differ significantly"),
            (false, true) => styled(style::GOOD, format_args!("{a} is better than {b}")),
            (false, false) => format!("{a} may be better than {b}: the tests disagree"),
        };
        output.line(format_args!(
            "  {outcome}: {difference:+.4} [{low:+.3}, {high:+.3}], p {p_holm:.4}"
        ))?;
    }
    output.line(styled(
        style::FAINT,
        "  paired randomization test, Holm's correction",
    ))?;
    output.line("")?;
    Ok(())
}

fn losses(output: &mut Output, verdict: &Verdict) -> anyhow::Result<()> {
    let losses = &verdict.losses;
    let names = name_width(verdict);
    output.line(styled(
        style::STRONG,
        format_args!("Where the misses below rank {} were lost", losses.at),
    ))?;
    let causes: Vec<&str> = losses
        .causes
        .iter()
        .copied()
        .filter(|cause| losses.systems.iter().any(|s| s.by_cause[cause] > 0))
        .collect();
    let mut head = format!("{:<names$}  {:>8}  {:>8}", "", "found", "missed");
    for cause in &causes {
        head.push_str(&format!("  {cause:>11}"));
    }
    output.line(styled(style::FAINT, head))?;
    for system in &losses.systems {
        let mut line = format!(
            "{:<names$}  {:>8}  {:>8}",
            truncate(&system.system, names),
            system.found,
            system.missed
        );
        for cause in &causes {
            line.push_str(&format!("  {:>11}", system.by_cause[cause]));
        }
        output.line(line)?;
    }
    for cause in &causes {
        output.line(styled(
            style::FAINT,
            format_args!("  {cause}: {}", losses.explained[cause]),
        ))?;
    }
    output.line("")?;
    Ok(())
}

fn paraphrases(output: &mut Output, verdict: &Verdict) -> anyhow::Result<()> {
    let Some(paraphrases) = &verdict.paraphrases else {
        return Ok(());
    };
    let names = name_width(verdict);
    output.line(styled(
        style::STRONG,
        format_args!("Effect of paraphrasing ({})", paraphrases.metric),
    ))?;
    let head = format!(
        "{:<names$}  {:>7}  {:>8}  {:>6}  {:>6}  {:>6}  {:>9}",
        "", "groups", "wordings", "mean", "worst", "spread", "agreement"
    );
    output.line(styled(style::FAINT, head))?;
    for s in &paraphrases.systems {
        output.line(format_args!(
            "{:<names$}  {:>7}  {:>8}  {:>6.3}  {:>6.3}  {:>6.3}  {:>9.3}",
            truncate(&s.system, names),
            s.groups,
            s.wordings,
            s.mean,
            s.worst,
            s.spread,
            s.agreement
        ))?;
    }
    let first = &verdict.systems[0].name;
    let failing: Vec<_> = paraphrases
        .failing
        .iter()
        .filter(|failing| failing.system == *first)
        .collect();
    if !failing.is_empty() {
        let place = if verdict.at == 1 {
            "in first place".to_owned()
        } else {
            format!("in the first {}", verdict.at)
        };
        let count = pluralize(failing.len(), "wording");
        output.line(format_args!(
            "  {count} of {first} without an answer {place}:"
        ))?;
    }
    for failing in failing.iter().take(MAX_FAILING) {
        output.line(format_args!(
            "    {}",
            truncate(&failing.text, width().saturating_sub(4))
        ))?;
    }
    if failing.len() > MAX_FAILING {
        output.line(styled(
            style::FAINT,
            format_args!(
                "    and {} more: --json or --report lists them",
                failing.len() - MAX_FAILING
            ),
        ))?;
    }
    output.line("")?;
    Ok(())
}

fn selection(output: &mut Output, verdict: &Verdict) -> anyhow::Result<()> {
    let Some(selection) = &verdict.selection else {
        return Ok(());
    };
    output.line(styled(style::STRONG, "Best system"))?;
    let on = format!(
        "selected on {} of the questions, {} {:.4} on the other {}",
        selection.chosen_on, selection.metric, selection.best_reported, selection.reported_on
    );
    output.line(format_args!(
        "  {}, {on}",
        styled(style::GOOD, &selection.best)
    ))?;
    if selection.best != selection.baseline {
        let [low, high] = selection.ci95;
        output.line(format_args!(
            "  {:+.4} [{low:+.3}, {high:+.3}] against {} there, p {:.4}",
            selection.difference, selection.baseline, selection.p_value
        ))?;
    }
    output.line("")?;
    Ok(())
}
