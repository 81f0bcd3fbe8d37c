//! The report as a reader meets it: from disk, in Chromium, by mouse and by keyboard.
//!
//! Needs `chromium` and `chromedriver`. Where they are missing the test says that it was skipped; with
//! `ANATOMY_BROWSER=required` in the environment, as in CI, that is a failure.

mod short_day;
mod steer;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, OnceLock};

use anatomy_lab::outcome::Event;
use anatomy_lab::report::{Findings, Report};
use anatomy_lab::sweep::pool;
use fantoccini::key::Key;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A report of the short day, as a file on disk.
fn report() -> &'static Path {
    static REPORT: OnceLock<PathBuf> = OnceLock::new();
    REPORT.get_or_init(write_report)
}

/// What the analyses find in worlds with a known structure, as the lab's own tests have it.
fn findings() -> Findings {
    let snapshot = include_str!(
        "../../harness/lab/src/report/snapshots/anatomy_lab__report__tests__findings.snap"
    );
    let json = &snapshot[snapshot.find("\n{").expect("JSON behind the header")..];
    serde_json::from_str(json).expect("findings")
}

fn write_report() -> PathBuf {
    let scenario = short_day::short_day();
    let seed = scenario.seed;
    let mut request = short_day::request(scenario, &[], seed);
    let events: Arc<Mutex<Vec<Event>>> = Arc::default();
    let sink = Arc::clone(&events);
    request.on_event = Some(Arc::new(move |event| sink.lock().unwrap().push(event.clone())));
    let outcome = pool::play(anatomy_lab::run, request.clone()).expect("the cluster can be built");
    let events = std::mem::take(&mut *events.lock().unwrap());
    let findings = findings();
    let report = Report {
        scenario: &request.scenario,
        outcome: &outcome,
        events: &events,
        findings: &findings,
        build: "",
    };
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report.html");
    std::fs::write(&path, report.html()).expect("the folder for tests can be written");
    path
}

/// A browser, and what drives it; both end with it.
struct Browser {
    client: Client,
    _driver: Child,
}

impl Browser {
    /// None where there is none and none is required.
    async fn start(dark: bool) -> Option<Self> {
        let driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let mut driver = match driver {
            Ok(driver) => driver,
            Err(error) if std::env::var("ANATOMY_BROWSER").as_deref() == Ok("required") => {
                panic!("chromedriver cannot be started: {error}")
            }
            Err(error) => {
                eprintln!("SKIPPED: chromedriver cannot be started ({error})");
                return None;
            }
        };
        let mut lines = BufReader::new(driver.stdout.take().expect("it is piped")).lines();
        let port = loop {
            let line = lines.next_line().await.expect("text").expect("it says its port");
            if let Some(port) = line.split("successfully on port ").nth(1) {
                break port.trim_end_matches('.').to_owned();
            }
        };
        let scheme = if dark { "0" } else { "1" };
        let arguments = json!([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1280,2000",
            format!("--blink-settings=preferredColorScheme={scheme}"),
        ]);
        let wanted = json!({
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let Value::Object(wanted) = wanted else { unreachable!("it is an object") };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(wanted)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("a session");
        Some(Browser { client, _driver: driver })
    }

    /// Ends it, and says what the page wrote to the console meanwhile: nothing, it is hoped.
    async fn close(self) {
        let console = self.client.issue_cmd(Console).await.expect("chromedriver keeps it");
        assert_eq!(console, json!([]));
        self.client.close().await.expect("it ends");
    }

    async fn ask(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.expect("a script that runs")
    }
}

/// Chromedriver's own command for the lines of the console.
#[derive(Debug)]
struct Console;

impl WebDriverCompatibleCommand for Console {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({ "type": "browser" }).to_string()))
    }
}

const DETAIL: &str = "return document.getElementById('detail').textContent";

#[tokio::test(flavor = "current_thread")]
async fn a_reader_can_go_through_the_timeline_by_mouse_and_by_keyboard() {
    let Some(browser) = Browser::start(false).await else { return };
    let client = &browser.client;
    let page = format!("file://{}", report().display());
    client.goto(&page).await.expect("a page from disk");

    let fetched = "return performance.getEntriesByType('resource').length";
    assert_eq!(browser.ask(fetched).await, json!(0));

    let count = browser.ask("return document.querySelectorAll('.mark').length").await;
    assert!(count.as_u64().is_some_and(|count| count > 20), "{count}");
    let drawn = "return ['#timeline .arrow', '#health g.strip', '#indicators path.curve']
        .filter(what => document.querySelector(what) === null)";
    assert_eq!(browser.ask(drawn).await, json!([]), "each is drawn");
    let mark = client.find(Locator::Css(".mark.act")).await.expect("somebody acts");
    mark.click().await.expect("it can be clicked");
    let first = browser.ask(DETAIL).await;
    assert!(first.as_str().is_some_and(|text| text.contains('·')), "{first}");

    client
        .active_element()
        .await
        .expect("the mark has the focus")
        .send_keys(&char::from(Key::Right).to_string())
        .await
        .expect("a key");
    let second = browser.ask(DETAIL).await;
    assert_ne!(first, second, "the arrow key leads to the next mark");
    client
        .active_element()
        .await
        .expect("the next mark has it")
        .send_keys(&char::from(Key::Left).to_string())
        .await
        .expect("a key");
    assert_eq!(browser.ask(DETAIL).await, first, "and back");

    let in_order = "return document.querySelectorAll('.mark[tabindex=\"0\"]').length";
    assert_eq!(browser.ask(in_order).await, json!(1), "Tab stops once in the timeline");
    browser.close().await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_report_is_laid_out_in_the_light_and_in_the_dark() {
    let path = report();
    let mut backgrounds = Vec::new();
    for dark in [false, true] {
        let Some(browser) = Browser::start(dark).await else { return };
        browser.client.goto(&format!("file://{}", path.display())).await.expect("a page");
        let structure = browser
            .ask(
                "return [...document.querySelectorAll('section')].map(section => {
                    const box = section.getBoundingClientRect();
                    return [section.id, box.width > 900, box.height > 100];
                })",
            )
            .await;
        let sections = [
            "verdict",
            "timeline",
            "real",
            "health",
            "indicators",
            "cuts",
            "explained",
            "fixes",
            "responses",
            "again",
        ];
        assert_eq!(structure, json!(sections.map(|id| json!([id, true, true]))));
        let sideways = "return document.documentElement.scrollWidth <= innerWidth";
        assert_eq!(browser.ask(sideways).await, json!(true), "nothing sticks out");
        let hidden = "return [...document.querySelectorAll('svg text')]
            .filter(text => text.getBoundingClientRect().width === 0).length";
        assert_eq!(browser.ask(hidden).await, json!(0), "every label is drawn");
        backgrounds
            .push(browser.ask("return getComputedStyle(document.body).backgroundColor").await);
        let picture = browser.client.screenshot().await.expect("a picture");
        assert!(picture.starts_with(b"\x89PNG") && picture.len() > 20_000);
        browser.close().await;
    }
    assert_ne!(backgrounds[0], backgrounds[1]);
}

#[tokio::test(flavor = "current_thread")]
async fn a_reader_finds_the_cut_sets_the_fixes_and_the_responses() {
    let Some(browser) = Browser::start(false).await else { return };
    let client = &browser.client;
    client.goto(&format!("file://{}", report().display())).await.expect("a page from disk");
    let findings = findings();
    let lattice = findings.lattices.first().expect("a lattice");
    let league = findings.league.expect("a league");

    for (n, family) in lattice.families.iter().enumerate() {
        let marks = format!(
            "return document.querySelectorAll('svg.matrix')[{n}].querySelectorAll('.cut circle.on').length"
        );
        let conditions: usize = family.cuts.iter().map(|cut| cut.order).sum();
        assert_eq!(browser.ask(&marks).await, json!(conditions), "{}", family.name);
    }
    // Of the second search few conditions matter: all sets of them are drawn.
    let sets = 1_usize << lattice.families[1].cuts[0].order;
    let nodes = "return document.querySelectorAll('svg.hasse .node').length";
    assert_eq!(browser.ask(nodes).await, json!(sets));
    let spectra = "return document.querySelectorAll('svg.spectrum').length";
    assert_eq!(browser.ask(spectra).await, json!(lattice.families.len()));
    let curves = "return document.querySelectorAll('#responses path.curve').length";
    assert_eq!(browser.ask(curves).await, json!(league.standings.len()));

    let link = client.find(Locator::Css("nav a[href='#cuts']")).await.expect("a way there");
    link.click().await.expect("it can be clicked");
    let seen = "const box = document.getElementById('cuts').getBoundingClientRect();
        return box.top < innerHeight && box.bottom > 0";
    assert_eq!(browser.ask(seen).await, json!(true));
    let open = "return document.querySelector('#cuts details').open";
    assert_eq!(browser.ask(open).await, json!(false));
    let summary = client.find(Locator::Css("#cuts details summary")).await.expect("more of it");
    summary.click().await.expect("it can be opened");
    assert_eq!(browser.ask(open).await, json!(true));
    let numbers = "return Object.keys(JSON.parse(document.getElementById('analyses').textContent))";
    assert_eq!(browser.ask(numbers).await, json!(["explanation", "lattices", "league"]));
    browser.close().await;
}
