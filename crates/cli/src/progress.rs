//! Progress on standard error: a bar with rate and time left on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use crate::output::printable;
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

/// Time between two plain lines.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// Progress of a run of known extent in one unit (bytes of input, papers, bytes of a download), told
/// in another (papers, say).
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    total: Option<u64>,
    started: Instant,
    last_line: Instant,
    /// What was done before this run began to count, so that the rate is this run's own.
    label: &'static str,
}

impl Progress {
    /// Starts showing; `total` is in the unit of [`Progress::update`]'s `done`, where it is known.
    pub(crate) fn start(label: &'static str, total: Option<u64>) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = match total {
                Some(total) => ProgressBar::new(total),
                None => ProgressBar::new_spinner(),
            };
            bar.set_style(style(total.is_some()));
            bar.set_prefix(label);
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        let now = Instant::now();
        Self { bar, total, started: now, last_line: now, label }
    }

    /// Begins the next step, of `total` in the unit of [`Progress::update`]'s `done`. The time left is that of the step.
    pub(crate) fn begin(&mut self, total: u64) {
        (self.total, self.started) = (Some(total), Instant::now());
        if let Some(bar) = &self.bar {
            bar.set_length(total);
            bar.set_style(style(true));
        }
    }

    /// Shows that `done` of the total is done, with the counts in `message`.
    pub(crate) fn update(&mut self, done: u64, message: &str) {
        let message = match self.time_left(done) {
            Some(left) => format!("{message}, {} left", HumanDuration(left)),
            None => message.to_owned(),
        };
        match &self.bar {
            Some(bar) => {
                bar.set_position(done);
                bar.set_message(message);
            }
            None if self.last_line.elapsed() >= LINE_INTERVAL => {
                self.last_line = Instant::now();
                self.line(&format!("{}: {message}", self.label));
            }
            None => {}
        }
    }

    /// Prints a line without disturbing the bar.
    #[expect(clippy::print_stderr, reason = "progress belongs on standard error")]
    pub(crate) fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(printable(text)),
            None => eprintln!("{}", printable(text)),
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// Time since the start, or since the step began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Extrapolated from the part done since the start.
    fn time_left(&self, done: u64) -> Option<Duration> {
        let total = self.total?;
        if done == 0 || done > total {
            return None;
        }
        Some(self.started.elapsed().mul_f64((total - done) as f64 / done as f64))
    }
}

fn style(has_total: bool) -> ProgressStyle {
    let template = if has_total {
        "{prefix} [{bar:12}] {percent:>3} %  {wide_msg}"
    } else {
        "{prefix} {spinner} {wide_msg}"
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("=> ")
}
