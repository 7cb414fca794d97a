//! The admin listener: who gets in, and what the metrics look like.

use super::*;
use corral_telemetry::Hosting;
use std::collections::BTreeSet;

async fn ask(host: &Host, path: &str, token: &str) -> String {
    let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
    exchange(host.admin, format!("{head}authorization: {token}\r\n\r\n").as_bytes()).await
}

async fn scrape(host: &Host) -> String {
    let token = std::fs::read_to_string(host.folder.path().join("admin-token")).unwrap();
    let answer = ask(host, "/metrics", &format!("Bearer {}", token.trim())).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let media_type = header(&answer, "content-type").unwrap();
    assert!(media_type.starts_with("application/openmetrics-text"), "{media_type}");
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[tokio::test]
async fn only_the_bearer_of_the_token_sees_metrics() {
    let host = start(|_| {}, echo).await;
    let token = std::fs::read_to_string(host.folder.path().join("admin-token")).unwrap();
    for given in ["", "Bearer", "Bearer x", "Basic x", token.trim(), &format!("Bearer x{}", token.trim())] {
        let answer = ask(&host, "/metrics", given).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{given:?}: {answer}");
        assert_eq!(header(&answer, "www-authenticate"), Some("Bearer"));
        assert!(header(&answer, "x-request-id").is_some());
    }
    scrape(&host).await;
    assert!(ask(&host, "/livez", "").await.starts_with("HTTP/1.1 200"));
    assert!(ask(&host, "/readyz", "").await.starts_with("HTTP/1.1 200"));
    assert!(ask(&host, "/api/v1/chat/session", "").await.starts_with("HTTP/1.1 404"));
    // Not on the public side.
    assert!(!host.get("/metrics").await.contains("# EOF"));
}

#[tokio::test]
async fn metrics_count_what_happened() {
    let answer = |request, context: guest::Context| {
        context.record.generation(&corral_inference::Usage {
            prompt_tokens: 10,
            cached_tokens: 4,
            completion_tokens: 3,
            queue_ms: 5,
            first_token_ms: 20,
            total_ms: 50,
        });
        echo(request, context)
    };
    let host = start(|_| {}, answer).await;
    host.metrics.watch_models(|| {
        let load = corral_inference::Load { queued: 2, generated_tokens: 7, ..Default::default() };
        vec![("small".into(), load)]
    });
    host.metrics.watch_apps(|| vec![hosting(3)]);
    host.metrics.deployed("chat", "probe");
    host.get("/chat").await;
    host.get("/nowhere").await;
    let text = scrape(&host).await;
    for line in [
        r#"corral_http_requests_total{app="chat",route="/chat",method="GET",status="200"} 1"#,
        r#"corral_http_requests_total{app="none",route="other",method="GET",status="404"} 1"#,
        r#"corral_http_request_duration_seconds_count{app="chat",route="/chat"} 1"#,
        r#"corral_request_failures_total{app="none",kind="not_found"} 1"#,
        r#"corral_first_token_seconds_bucket{le="0.025",app="chat"} 1"#,
        "corral_http_requests_in_flight 0",
        r#"corral_inference_queued{model="small"} 2"#,
        r#"corral_inference_generated_tokens_total{model="small"} 7"#,
        r#"corral_guest_instances{app="chat"} 3"#,
        r#"corral_app_generation{app="chat"} 7"#,
        r#"corral_app_draining_generations{app="chat"} 1"#,
        r#"corral_deployments_total{app="chat",outcome="probe"} 1"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in:\n{text}");
    }
}

#[tokio::test]
async fn metrics_are_named_by_convention() {
    let host = start(|_| {}, echo).await;
    host.metrics.watch_models(|| vec![("m".to_owned(), corral_inference::Load::default())]);
    host.metrics.watch_apps(|| vec![hosting(0)]);
    host.get("/chat").await;
    let text = scrape(&host).await;
    assert!(text.ends_with("# EOF\n"));
    let mut described = BTreeSet::new();
    for line in text.lines().filter(|line| *line != "# EOF") {
        if let Some(rest) = line.strip_prefix("# ") {
            let name = rest.split(' ').nth(1).unwrap();
            assert!(name.starts_with("corral_") || name == "process_start_time_seconds", "{line}");
            described.insert(name);
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
        let name = name.split('{').next().unwrap();
        let suffixes = ["", "_total", "_bucket", "_sum", "_count", "_info"];
        let known = suffixes
            .iter()
            .any(|suffix| name.strip_suffix(suffix).is_some_and(|name| described.contains(name)));
        assert!(known, "{line}");
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{line}");
        assert!(!name.contains("_ms"), "base units: {line}");
    }
    for family in
        ["corral_build", "process_start_time_seconds", "corral_http_connections", "corral_http_requests"]
    {
        assert!(described.contains(family), "{family} in {described:?}");
    }
}

fn hosting(instances: u32) -> Hosting {
    Hosting { app: "chat".into(), instances, generation: 7, draining: 1, canary: 0 }
}
