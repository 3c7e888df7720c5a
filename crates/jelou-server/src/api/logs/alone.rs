//! The records of a server that shares its database with no other server.

use std::io;

use jelou_core::Slug;

use super::local::{Read, Reading};
use super::response::{Format, HEARTBEAT, Pieces, send};
use super::source::Piece;

/// Sends the records from `start` on, and then new ones if the format is [`Format::Events`].
pub(super) async fn run(
    mut reading: Reading,
    slug: Slug,
    start: Read,
    format: Format,
    pieces: Pieces,
) -> io::Result<()> {
    let mut cursor = match start {
        Read::After(after) => after.min(reading.watch.last_seq()),
        Read::Last(_) => {
            let page = Piece::from(reading.read(start).await?);
            if !send(&pieces, written(&page, format)).await || format == Format::Lines {
                return Ok(());
            }
            page.cursor
        }
    };
    loop {
        let page = Piece::from(reading.read(Read::After(cursor)).await?);
        cursor = page.cursor;
        if !send(&pieces, written(&page, format)).await {
            return Ok(());
        }
        if page.is_last
            && (format == Format::Lines || !wait(&mut reading, &slug, cursor, &pieces).await)
        {
            return Ok(());
        }
    }
}

/// Waits for a record after `cursor`. Returns `false` at the end of the stream.
async fn wait(reading: &mut Reading, slug: &Slug, cursor: u64, pieces: &Pieces) -> bool {
    let mut stopped = reading.control.stopped.clone();
    loop {
        tokio::select! {
            more = reading.watch.wait_beyond(cursor) => return more,
            () = tokio::time::sleep(HEARTBEAT) => {}
            () = pieces.closed() => return false,
            _ = stopped.wait_for(|stopped| *stopped) => return false,
        }
        let exists = reading.control.registry.function(slug.as_str());
        if exists.is_none_or(|function| function.id != reading.function) {
            return false;
        }
        // The id also tells the client how far the records were filtered.
        if !send(pieces, format!("id: {cursor}\n: alive\n\n")).await {
            return false;
        }
    }
}

fn written(page: &Piece, format: Format) -> String {
    let mut text = String::new();
    for line in &page.lines {
        format.write(&mut text, line.seq, &line.json);
    }
    text
}
