//! Level 3: fields with wrong values, and fields where they do not belong.

use serde_json::{Value, json};

use super::Ground;
use super::requests::{frame, stateless, upload, with};
use crate::check::{Check, Checked, Need};
use crate::digest::sha256;

type Server = Check<Ground>;

pub(super) const CHECKS: &[Server] = &[
    Server::new("a field with an impossible value is bad_field and named", "2, Grammar", values),
    Server::new("a field that is missing is bad_field and named", "2", missing),
    Server::new("a field out of place is bad_field and named", "2, Grammar", out_of_place),
    Server::new("a payload where none belongs is bad_field", "2", no_payload),
    Server::new("a name that could harm is bad_name", "2", bad_names).needs(&[Need::Stateless]),
    Server::new("any other name is only a name", "2, 10", good_names).needs(&[Need::Stateless]),
    Server::new("an action of sessions is illegal_action without one", "3", illegal).needs(&[Need::Stateless]),
];

/// Each header, with the bytes it announces, is `bad_field` with this field; then the connection goes on.
fn bad_fields(ground: &Ground, cases: &[(&str, Value, &str)]) -> Checked {
    for (field, header, body) in cases {
        let mut link = ground.connect()?;
        link.send(frame(header, body));
        link.mark(format!("\"{}\"", field.rsplit('.').next().unwrap_or(field)));
        let reply = link.reply()?.refused("bad_field")?;
        reply.has("error.field", *field)?;
        reply.lacks("closing")?;
        link.ask(frame(&stateless("hello"), ""))?;
    }
    Ok(())
}

fn values(ground: &Ground) -> Checked {
    let upload = |more: Value| with(&upload(0), more);
    bad_fields(
        ground,
        &[
            ("mime_type", upload(json!({"mime_type": "text"})), ""),
            ("mime_type", upload(json!({"mime_type": "text/plain; charset=utf-8"})), ""),
            ("mime_type", upload(json!({"mime_type": 5})), ""),
            ("digest", upload(json!({"digest": "md5:00"})), ""),
            ("digest", upload(json!({"digest": sha256(b"").to_uppercase()})), ""),
            ("transfer_id", upload(json!({"transfer_id": "me"})), ""),
            ("transfer_id", upload(json!({"transfer_id": "6ba7b810-9dad-11d1-80b4-00c04fd430c8"})), ""),
            ("ack", upload(json!({"ack": "later"})), ""),
            ("expect", upload(json!({"expect": "100"})), ""),
            ("ext", upload(json!({"ext": "yes"})), ""),
            ("name", upload(json!({"name": 5})), ""),
            ("name", upload(json!({"name": null})), ""),
            ("session.mode", upload(json!({"session": {"mode": "both", "action": "transfer"}})), ""),
            ("session.action", upload(json!({"session": {"mode": "stateless", "action": "dance"}})), ""),
        ],
    )
}

fn missing(ground: &Ground) -> Checked {
    bad_fields(
        ground,
        &[
            ("mime_type", json!({"version": "2.0", "size": 0}), ""),
            ("size", json!({"version": "2.0", "mime_type": "text/plain"}), ""),
            ("session.mode", with(&upload(0), json!({"session": {"action": "transfer"}})), ""),
            ("session.action", with(&upload(0), json!({"session": {"mode": "stateless"}})), ""),
            ("file", stateless("fetch"), ""),
            ("transfer_id", stateless("status"), ""),
        ],
    )
}

fn out_of_place(ground: &Ground) -> Checked {
    let stateless = |more: Value| with(&json!({"mode": "stateless", "action": "transfer"}), more);
    let transfer = |more: Value| with(&upload(0), json!({"session": stateless(more)}));
    bad_fields(
        ground,
        &[
            ("session.sequence", transfer(json!({"sequence": 1})), ""),
            ("session.token", transfer(json!({"token": "A".repeat(43)})), ""),
            ("session.data_size", transfer(json!({"data_size": 2})), "hi"),
            ("file", with(&upload(0), json!({"file": "received_0.txt"})), ""),
            ("name", with(&super::requests::stateless("hello"), json!({"name": "a"})), ""),
            (
                "transfer_id",
                with(&super::requests::stateless("hello"), json!({"transfer_id": crate::env::fresh_id()})),
                "",
            ),
            ("digest", with(&upload(0), json!({"digest": sha256(b""), "trailer": "sha256"})), "{}\n"),
            ("auth", with(&super::requests::stateless("hello"), json!({"auth": {"client": "me"}})), ""),
        ],
    )
}

fn no_payload(ground: &Ground) -> Checked {
    bad_fields(ground, &[("size", with(&stateless("hello"), json!({"size": 2})), "hi")])
}

fn bad_names(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    let (segment, whole) = ("n".repeat(256), vec!["n".repeat(205); 5].join("/"));
    for name in
        ["", "/etc/passwd", "../x", "a/../b", "a/./b", "a//b", "a/", "a\\b", "a\u{1f}b", "a\nb", &segment, &whole]
    {
        link.send(frame(&with(&upload(1), json!({"name": name})), "x"));
        link.mark(json!(name).to_string());
        link.reply()?.refused("bad_name")?;
    }
    Ok(())
}

fn good_names(ground: &Ground) -> Checked {
    let mut link = ground.connect()?;
    let (segment, whole) = ("n".repeat(255), vec!["n".repeat(204); 5].join("/"));
    for name in [segment.as_str(), &whole, "-rf", ".hidden", "a b/ü", "CON", "..."] {
        link.send(frame(&with(&upload(1), json!({"name": name})), "x"));
        link.mark(json!(name).to_string());
        let reply = link.reply()?.stored(b"x")?;
        super::stateless::own_name(&reply, "txt")?;
    }
    Ok(())
}

fn illegal(ground: &Ground) -> Checked {
    for action in ["connect", "heartbeat", "list", "disconnect"] {
        let mut link = ground.connect()?;
        link.send(frame(&stateless(action), ""));
        link.mark(action);
        link.reply()?.refused("illegal_action")?;
    }
    Ok(())
}
