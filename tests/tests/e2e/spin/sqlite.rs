//! SQLite databases.

use super::{asked, kitchen, refused};
use anyhow::Result;
use serde_json::json;

#[tokio::test]
async fn a_database_takes_and_gives_every_kind_of_value() -> Result<()> {
    let host = kitchen().await?;
    let answer = asked(&host, "/kitchen/sqlite").await?;
    assert_eq!((&answer["changes"], &answer["row"]), (&json!(1), &json!(1)), "{answer}");
    assert_eq!(answer["rows"]["columns"], json!(["i", "r", "t", "b", "n"]));
    let row = json!([
        { "integer": "-9223372036854775808" }, { "real": 0.5 }, { "text": "käse" }, { "blob": [0, 255] }, "null",
    ]);
    assert_eq!(answer["rows"]["rows"], json!([row]));
    // Kept for the next instance.
    let again = asked(&host, "/kitchen/sqlite?statement=SELECT%20count(*)%20AS%20n%20FROM%20kinds").await?;
    assert_eq!(again, json!({ "columns": ["n"], "rows": [[{ "integer": "1" }]] }));
    Ok(())
}

#[tokio::test]
async fn a_database_that_is_not_granted_and_nonsense_are_refused() -> Result<()> {
    let host = kitchen().await?;
    let told = refused(&host, "/kitchen/sqlite?database=orders").await?;
    assert!(told.contains("AccessDenied"), "{told}");
    let told = refused(&host, "/kitchen/sqlite?statement=SELECT%20nonsense").await?;
    assert!(told.contains("Io") && told.contains("nonsense"), "{told}");
    // A file of another's choice is no database of the application.
    for statement in ["ATTACH%20'/tmp/x.db'%20AS%20x", "SELECT%20load_extension('x')"] {
        let told = refused(&host, &format!("/kitchen/sqlite?statement={statement}")).await?;
        assert!(told.contains("not authorized"), "{statement}: {told}");
    }
    Ok(())
}
