//! Finding by words, and by words and embeddings together.

use super::item;
use corral_vectors::{Error, Item, Match, Vectors};

fn text(id: &str, text: &str) -> Item {
    Item { text: text.to_owned(), ..item(id, [1.0, 0.0]) }
}

fn found(matches: &[Match]) -> Vec<&str> {
    matches.iter().map(|found| found.passage.id.as_str()).collect()
}

async fn lexical(vectors: &Vectors, partition: &str, words: &str) -> Vec<Match> {
    let matches = vectors.lexical(partition, words, 100).await.unwrap();
    for found in &matches {
        assert_eq!((found.distance, found.score), (None, found.bm25));
        assert!(found.bm25 > 0.0, "{found:?}");
    }
    assert!(matches.is_sorted_by(|one, next| one.score >= next.score));
    matches
}

pub async fn a_rare_word_beats_common_ones(vectors: &Vectors) {
    let mut items: Vec<_> = (0..50)
        .map(|number| text(&format!("{number:02}"), "the report of the meeting on the budget"))
        .collect();
    items[31].text = "the letter of the heron on the pond".to_owned();
    vectors.upsert("p", items).await.unwrap();
    let matches = lexical(vectors, "p", "What does the report of the meeting say of the heron?").await;
    assert_eq!(matches.len(), 50);
    assert_eq!(matches[0].passage.id, "31");
    assert!(matches[0].score > 2.0 * matches[1].score, "{:?}", &matches[..2]);
    assert_eq!(found(&matches)[1..4], ["00", "01", "02"], "ties go by id");
}

pub async fn scores_are_bm25_of_the_partition(vectors: &Vectors) {
    let items = [("a", "heron heron pond"), ("b", "pond"), ("c", "grey sky over water")];
    vectors.upsert("p", items.map(|(id, words)| text(id, words)).to_vec()).await.unwrap();
    let matches = lexical(vectors, "p", "heron pond").await;
    let (heron, pond) = ((1.0 + 2.5 / 1.5_f64).ln(), (1.0 + 1.5 / 2.5_f64).ln());
    let weight = |length: f64| 1.2 * (0.25 + 0.75 * length / (8.0 / 3.0));
    let expected = [
        ("a", heron * 2.0 / (2.0 + weight(3.0)) + pond / (1.0 + weight(3.0))),
        ("b", pond / (1.0 + weight(1.0))),
    ];
    assert_eq!(matches.len(), 2);
    for (found, (id, score)) in matches.iter().zip(expected) {
        assert_eq!(found.passage.id, id);
        assert!((f64::from(found.score) - score).abs() < 1e-6, "{} for {score}", found.score);
    }
}

pub async fn scores_ignore_other_partitions(vectors: &Vectors) {
    let items = || {
        let words =
            ["the heron stood in the pond", "a pond", "herons are grey, and so is the sky", "nothing"];
        (0..).zip(words).map(|(number, words)| text(&format!("x{number}"), words)).collect::<Vec<_>>()
    };
    vectors.upsert("p", items()).await.unwrap();
    let words = "grey heron in a pond";
    let before = lexical(vectors, "p", words).await;
    let both = vectors.search("p", vec![0.0, 1.0], words, 100).await.unwrap();
    for partition in ["q", "P", "p "] {
        vectors.upsert(partition, items()).await.unwrap();
        let others =
            (0..300).map(|number| text(&format!("o{number}"), &"heron pond ".repeat(1 + number % 7)));
        vectors.upsert(partition, others.collect()).await.unwrap();
    }
    assert_eq!(lexical(vectors, "p", words).await, before, "to the bit");
    assert_eq!(vectors.search("p", vec![0.0, 1.0], words, 100).await.unwrap(), both, "to the bit");
    assert_eq!(found(&before).len(), 3);
    vectors.delete_partition("q").await.unwrap();
    assert_eq!(lexical(vectors, "p", words).await, before);
    assert_eq!(lexical(vectors, "nobody", words).await, []);
}

pub async fn words_of_replaced_and_deleted_passages_are_not_found(vectors: &Vectors) {
    let documents = [("a", "alpha heron"), ("b", "beta heron"), ("c", "gamma heron"), ("d", "delta heron")];
    let items = documents.map(|(id, words)| super::with(text(id, words), &[("document", id)]));
    vectors.upsert("p", items.to_vec()).await.unwrap();
    vectors.upsert("p", vec![text("a", "omega")]).await.unwrap();
    assert_eq!(found(&lexical(vectors, "p", "alpha").await), [""; 0]);
    assert_eq!(found(&lexical(vectors, "p", "omega").await), ["a"]);
    assert_eq!(found(&lexical(vectors, "p", "heron").await), ["b", "c", "d"]);
    vectors.delete("p", super::entry("document", "b")).await.unwrap();
    vectors.remove("p", vec!["c".to_owned()]).await.unwrap();
    assert_eq!(found(&lexical(vectors, "p", "beta gamma heron").await), ["d"]);
    let left = lexical(vectors, "p", "heron").await;
    vectors.delete_partition("p").await.unwrap();
    assert_eq!(found(&lexical(vectors, "p", "delta omega heron").await), [""; 0]);
    // What was there before has left no trace in the scores either.
    vectors.upsert("p", vec![text("a", "omega"), text("d", "delta heron")]).await.unwrap();
    assert_eq!(lexical(vectors, "p", "heron").await[0].score, left[0].score);
}

pub async fn operators_in_words_are_plain_text(vectors: &Vectors) {
    vectors
        .upsert("p", vec![text("heron", "a heron near the pond"), text("horse", "a horse")])
        .await
        .unwrap();
    for words in [
        "\"heron",
        "heron*",
        "heron AND",
        "NEAR(heron, 3)",
        "heron\u{0}",
        "{heron}",
        "^heron$",
        "(heron",
        "heron)|",
        "[heron",
        "heron\\",
        "heron.*+?",
        "-heron",
        "text:heron",
        "'; DROP TABLE vector_terms; -- heron",
        "$regex heron",
    ] {
        let matches = lexical(vectors, "p", words).await;
        assert_eq!(found(&matches).first(), Some(&"heron"), "{words:?}");
    }
    for words in ["", " ", "\"", "*", "(", ".*", "\u{0}", "\\", "[^", "$", "|", "🐎"] {
        assert_eq!(found(&lexical(vectors, "p", words).await), [""; 0], "{words:?}");
        let both = vectors.search("p", vec![1.0, 0.0], words, 10).await.unwrap();
        assert_eq!(found(&both).len(), 2, "the nearest are found without a word");
    }
    assert_eq!(found(&lexical(vectors, "p", "NOT heron").await), ["heron"]);
    assert_eq!(found(&lexical(vectors, "p", "h.r.n").await), [""; 0]);
}

pub async fn words_are_found_in_any_form_and_alphabet(vectors: &Vectors) {
    let items = [
        ("capitals", "GRÖSSE and ÜBERMUT of the HORSES"),
        ("forms", "Hoping, the ponies were gladly dying under skies"),
        ("russian", "Цапля стоит в ПРУДУ"),
        ("japanese", "私は東京都に住んでいます"),
        ("greek", "Ο ΕΡΩΔΙΟΣ"),
        ("numbers", "part 77X-3 costs 3.14, see max_turns"),
        ("accents", "l’été naïve café"),
    ];
    vectors.upsert("p", items.map(|(id, words)| text(id, words)).to_vec()).await.unwrap();
    for (words, id) in [
        ("übermut", "capitals"),
        ("Horse", "capitals"),
        ("größe grösse", "capitals"),
        ("hope", "forms"),
        ("pony", "forms"),
        ("ponies", "forms"),
        ("die", "forms"),
        ("sky", "forms"),
        ("пруду", "russian"),
        ("ЦАПЛЯ", "russian"),
        ("東京", "japanese"),
        ("京", "japanese"),
        ("ερωδιος", "greek"),
        ("3.14", "numbers"),
        ("77x", "numbers"),
        ("MAX_TURNS", "numbers"),
        ("L'ÉTÉ", "accents"),
        ("CAFÉ", "accents"),
    ] {
        assert_eq!(
            lexical(vectors, "p", words).await.first().map(|found| found.passage.id.as_str()),
            Some(id),
            "{words}"
        );
    }
    // A part of a word is none.
    for words in ["hor", "京東", "14", "turns"] {
        assert_eq!(found(&lexical(vectors, "p", words).await), [""; 0], "{words}");
    }
}

pub async fn fused_finds_what_either_finds_alone(vectors: &Vectors) {
    let mut items: Vec<_> = (0..150)
        .map(|number| Item { embedding: vec![1.0, number as f32], ..text(&format!("{number:03}"), "filler") })
        .collect();
    items.push(Item { embedding: vec![-1.0, 0.0], ..text("named", "the heron XJ-9") });
    vectors.upsert("p", items).await.unwrap();
    let matches = vectors.search("p", vec![1.0, 0.0], "where is the XJ-9", 10).await.unwrap();
    // Both are first in one ranking, and the smaller id comes first.
    assert_eq!(found(&matches)[..3], ["000", "named", "001"]);
    let (nearest, named) = (&matches[0], &matches[1]);
    assert_eq!(nearest.score, named.score);
    assert!((nearest.score - 1.0 / 61.0).abs() < 1e-7, "{}", nearest.score);
    assert!(
        nearest.distance.is_some_and(|distance| distance.abs() < 1e-5) && nearest.bm25 == 0.0,
        "{nearest:?}"
    );
    let far = named.distance.is_some_and(|distance| (distance - 2.0).abs() < 1e-5);
    assert!(far && named.bm25 > 0.0, "{named:?}");
    // In both rankings: better than first in one.
    vectors.upsert("p", vec![Item { embedding: vec![1.0, 5.5], ..text("both", "XJ-9") }]).await.unwrap();
    let matches = vectors.search("p", vec![1.0, 0.0], "where is the XJ-9", 10).await.unwrap();
    assert_eq!(matches[0].passage.id, "both");
    assert!(matches.is_sorted_by(|one, next| one.score >= next.score));
}

pub async fn a_limit_bounds_what_words_find(vectors: &Vectors) {
    let items =
        (0..150).map(|number| text(&format!("{number:03}"), &format!("heron {}", "x ".repeat(number))));
    vectors.upsert("p", items.collect()).await.unwrap();
    for (limit, expected) in [(0, 0), (1, 1), (4, 4), (100, 100), (u32::MAX, 100)] {
        let words = vectors.lexical("p", "heron", limit).await.unwrap();
        let both = vectors.search("p", vec![1.0, 0.0], "heron", limit).await.unwrap();
        assert_eq!((words.len(), both.len()), (expected, expected), "limit {limit}");
        assert!(words.first().is_none_or(|first| first.passage.id == "000"));
    }
}

pub async fn words_have_at_most_64_kib(vectors: &Vectors) {
    vectors.upsert("p", vec![text("x", "heron")]).await.unwrap();
    let most = format!("heron {}", "pond ".repeat(20_000)).split_at(64 << 10).0.to_owned();
    assert_eq!(found(&lexical(vectors, "p", &most).await), ["x"]);
    let more = format!("{most}x");
    let refused = vectors.lexical("p", &more, 1).await;
    assert!(matches!(refused, Err(Error::InvalidArgument(_))), "{refused:?}");
    let refused = vectors.search("p", vec![1.0, 0.0], &more, 1).await;
    assert!(matches!(refused, Err(Error::InvalidArgument(_))), "{refused:?}");
    let refused = vectors.search("p", vec![1.0], "heron", 1).await;
    assert!(matches!(refused, Err(Error::DimensionMismatch { .. })), "{refused:?}");
}

pub async fn many_passages_with_a_common_word_hide_no_rare_one(vectors: &Vectors) {
    for hundred in 0..3 {
        let items =
            (0..500).map(|one| text(&format!("{:04}", hundred * 500 + one), "the report of the meeting"));
        vectors.upsert("p", items.collect()).await.unwrap();
    }
    vectors
        .upsert("p", vec![text("~last", "the heron's report"), text("~other", "no such word")])
        .await
        .unwrap();
    let matches = lexical(vectors, "p", "report on a heron").await;
    assert_eq!(matches[0].passage.id, "~last");
    assert_eq!(matches.len(), 100);
}
