//! A file, whatever it is called: what is seen of it, what is durable, and the writes between.

use lab_kit::Dice;

/// A change of bytes that is not durable yet.
#[derive(Clone, Debug)]
pub(super) enum Write {
    At(usize, Vec<u8>),
    Cut(usize),
}

/// A file, whatever it is called.
#[derive(Clone, Debug, Default)]
pub(super) struct File {
    pub(super) seen: Vec<u8>,
    pub(super) durable: Vec<u8>,
    pub(super) waiting: Vec<Write>,
}

impl File {
    pub(super) fn change(&mut self, write: Write) {
        write.apply(&mut self.seen);
        self.waiting.push(write);
    }

    /// What is durable, and then these writes.
    pub(super) fn after(&self, writes: impl Iterator<Item = Write>) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        writes.for_each(|write| write.apply(&mut bytes));
        bytes
    }

    pub(super) fn torn(&self, kept: usize) -> Vec<u8> {
        let mut writes = self.waiting.clone();
        if let Some(Write::At(_, bytes)) = writes.last_mut() {
            bytes.truncate(kept);
        }
        self.after(writes.into_iter())
    }

    pub(super) fn some(&self, dice: &mut Dice) -> Vec<u8> {
        self.after(self.waiting.iter().filter_map(|write| match (dice.below(3), write) {
            (0, _) => None,
            (1, Write::At(at, bytes)) => {
                let kept = dice.below(bytes.len().saturating_add(1));
                Some(Write::At(*at, bytes.get(..kept).unwrap_or_default().to_vec()))
            }
            (_, write) => Some(write.clone()),
        }))
    }
}

impl Write {
    /// What was never written between the end and the bytes is zeros.
    pub(super) fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Self::Cut(length) => file.truncate(*length),
            Self::At(_, bytes) if bytes.is_empty() => {}
            Self::At(at, bytes) => {
                file.resize(file.len().max(at.saturating_add(bytes.len())), 0);
                for (place, byte) in file.iter_mut().skip(*at).zip(bytes) {
                    *place = *byte;
                }
            }
        }
    }
}
