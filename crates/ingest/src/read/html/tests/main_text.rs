//! What of a page is read.

use super::{prose, text};

#[test]
fn what_a_click_opens_is_content() {
    let html = format!(
        "<main><h1>Help</h1>{}<h3><button aria-expanded=false>May I return it?</button></h3><div hidden>Within a week.</div>\
         <div aria-hidden=true style='display:none'>Unopened only.</div><details><summary>Whom to ask</summary>The porter.</details>\
         <div role=tablist><button role=tab>Prices</button></div><div role=tabpanel hidden>Two crowns.</div></main>",
        prose()
    );
    let text = text(&html);
    for part in [
        "May I return it?",
        "Within a week.",
        "Unopened only.",
        "Whom to ask",
        "The porter.",
        "Prices",
        "Two crowns.",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_page_in_a_form_is_content() {
    let html = format!(
        "<body><form action=default.aspx><input type=hidden value=secret><h1>Bogs</h1>{}\
        <fieldset><legend>Size</legend><label>Width</label><select><option>narrow<option>wide</select></fieldset><textarea>typed</textarea></form>",
        prose()
    );
    let text = text(&html);
    for part in ["Bogs", "Peat forms", "Size", "Width", "narrow\nwide"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(
        !text.contains("secret") && !text.contains("typed"),
        "{text}"
    );
}

#[test]
fn furniture_is_left_out() {
    let html = format!(
        "<body><a class=skip href=#m>Skip to main content</a><div id=cookie-banner><p>We use cookies to make this site work \
         and to learn how it is read by its readers.</p><button>Accept</button></div><header><a href=/>Site</a><nav><a href=/a>Rivers</a></nav></header>\
         <ol class=breadcrumb><li><a href=/>Start</a><li><a href=/b>Lakes</a></ol><div role=navigation><a href=/c>Ponds</a></div>\
         <div id=m><h1>Bogs<a class=headerlink href=#bogs>¶</a></h1>{}<div class=share-bar><a href=f>Facebook</a> <a href=t>Twitter</a></div></div>\
         <div><a href=p>Previous</a> | <a href=n>Next</a></div><script>track()</script><style>p{{}}</style><template>Later</template>\
         <svg><title>Icon</title><text>drawn</text></svg><!-- said aside --><footer>All rights reserved</footer>",
        prose()
    );
    let text = text(&html);
    assert!(text.starts_with("Bogs\n\nPeat forms"), "{text}");
    assert!(text.ends_with("beside it."), "{text}");
}

#[test]
fn a_name_alone_takes_no_text_away() {
    // Words of class names that also name furniture; the text reads as text.
    for class in [
        "share-price",
        "social-history",
        "related-work",
        "menu-of-the-day",
        "advert-theory",
        "sidebar",
        "newsletter",
    ] {
        let html = format!(
            "<body><h1>Bogs</h1><div class={class}>{}</div></body>",
            prose()
        );
        assert!(text(&html).contains("Peat forms"), "{class}");
    }
    let html = format!(
        "<body class='has-sidebar nav-open'><section id=the-social-history-of-bogs><h2>People</h2>{}</section></body>",
        prose()
    );
    assert!(text(&html).contains("Peat forms"));
    assert!(
        text("<pre><span class=comment>// See <a href=x>boost</a></span>\nx</pre>")
            .contains("boost")
    );
}

#[test]
fn a_list_of_contents_repeats_the_headings_and_goes() {
    let list = |file: &str| {
        format!(
            "<ul><li><a href='{file}#a'>Water</a><li><a href='{file}#b'>Moss</a><li><a href='{file}#c'>Time</a></ul>"
        )
    };
    let parts = format!(
        "<h2 id=a>Water</h2>{0}<h2 id=b>Moss</h2>{0}<h2 id=c>Time</h2>{0}",
        prose()
    );
    assert_eq!(
        text(&format!("<h1>Bogs</h1><div>{}</div>{parts}", list("")))
            .matches("Water")
            .count(),
        1
    );
    // Of other pages it is what this page says.
    assert!(
        text(&format!(
            "<h1>Bogs</h1>{}<div>{}</div>",
            prose(),
            list("other.html")
        ))
        .contains("- Moss")
    );
}

#[test]
fn comments_go_where_there_is_an_article() {
    let comment =
        "<p>I walked there for years and never once got my feet dry, whatever the season was.</p>";
    let html = format!(
        "<article><h1>Bogs</h1>{}</article><div id=comments>{comment}</div>",
        prose()
    );
    assert!(!text(&html).contains("feet dry"));
    assert!(
        text(&format!(
            "<h1>Thread</h1><div id=comments>{comment}{comment}</div>"
        ))
        .contains("feet dry")
    );
}

#[test]
fn nothing_else_is_better_than_nothing() {
    assert_eq!(
        text("<nav><a href=a>Rivers</a> <a href=b>Lakes</a></nav>"),
        "Rivers Lakes"
    );
    assert_eq!(
        text("<body><script>x</script><noscript><p>Turn it on.</p></noscript>"),
        "Turn it on."
    );
    assert_eq!(
        text("<p>Text.</p><noscript>Turn it on.</noscript>"),
        "Text."
    );
}

#[test]
fn parts_marked_for_search_engines_to_skip_are_left_out() {
    for marked in [
        "<div class=nosearch>",
        "<div class='box robots-nocontent'>",
        "<div data-nosnippet>",
        "<div data-pagefind-ignore=all>",
        "<div data-swiftype-index=false>",
    ] {
        let page = format!(
            "<h1>Bogs</h1>{marked}Small. Fast. Choose any.</div>{}",
            prose()
        );
        let text = text(&page);
        assert!(
            !text.contains("Choose") && text.contains("Peat"),
            "{marked}: {text}"
        );
    }
    let kept = text(&format!(
        "<h1>Bogs</h1><div data-nosnippet>{}</div>",
        prose()
    ));
    assert!(kept.contains("Peat"), "most of the page stays: {kept}");
    let kept = text(&format!(
        "<h1>Bogs</h1><div data-pagefind-ignore=false>Small.</div>{}",
        prose()
    ));
    assert!(kept.contains("Small"), "{kept}");
}
