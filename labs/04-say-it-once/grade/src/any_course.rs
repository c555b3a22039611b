//! A long session in which everything happens again and again, of a seed's choice.

use std::rc::Rc;

use lab_kit::Dice;

use crate::world::{Line, Outcome, World};
use crate::{Fresh, Sequence, Upload};

/// More requests than one byte can count.
const REQUESTS: u64 = 300;

pub(crate) fn any_course(fresh: &Fresh, dice: &mut Dice) -> Outcome {
    let mut world = World::new(fresh)?;
    let mut lines = vec![world.connect("client")?.0];
    let mut files: Vec<Rc<Upload>> = Vec::new();
    for number in 1..=REQUESTS {
        let content = "x".repeat(1 + dice.below(9));
        let upload = Upload::new(&format!("{number}.txt"), &content);
        files.push(Rc::new(if dice.below(3) == 0 { upload.without_digest() } else { upload }));
        for _ in 0..dice.below(3) {
            trouble(&mut world, &mut lines, &files, dice)?;
        }
        if let (Some(line), Some(file)) = (lines.last(), files.last()) {
            world.send(*line, Sequence(number), file)?;
        }
    }
    Ok(())
}

/// Something that must change nothing; the last of the files is not sent yet.
fn trouble(world: &mut World, lines: &mut Vec<Line>, files: &[Rc<Upload>], dice: &mut Dice) -> Outcome {
    let place = dice.below(files.len());
    let number = Sequence(u64::try_from(place).unwrap_or(u64::MAX)).next();
    let (Some(line), Some(file)) = (lines.last().copied(), files.get(place)) else { return Ok(()) };
    match dice.below(7) {
        0 => lines.push(world.connect("client")?.0),
        1 => {
            // An older connection, or the same again if there is only one.
            let older = lines.get(dice.below(lines.len())).copied().unwrap_or(line);
            if older.epoch != line.epoch {
                world.send(older, number, file)?;
            }
        }
        2 => world.send(line, Sequence(number.0.saturating_add(REQUESTS)), file)?,
        3 => {
            let other = Rc::new(Upload::new("other.txt", "other"));
            if world.begin(line, number, &other)?.is_ok() {
                world.fail(line, number, &other);
            }
        }
        4 => {
            // Cut by a takeover, after which it must not be stored.
            if world.begin(line, number, file)? == Ok(crate::Admission::Proceed) {
                lines.push(world.connect("client")?.0);
                world.end(line, number, file)?.ok();
            }
        }
        _ => {
            // Any of those before, some kept and some not.
            let before = dice.below(files.len().saturating_sub(1));
            let number = Sequence(u64::try_from(before).unwrap_or(u64::MAX)).next();
            if let Some(file) = files.get(before).filter(|_| files.len() > 1) {
                let rest = u64::try_from(dice.below(9)).unwrap_or(0);
                world.send(line, number, &Rc::new((**file).clone().rest(rest)))?;
            }
        }
    }
    Ok(())
}
