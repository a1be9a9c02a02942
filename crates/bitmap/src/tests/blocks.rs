use roaring::RoaringBitmap;

use super::for_seeds;
use crate::block::{BitBuffer, Block, WORDS};

fn members(block: &Block, buffer: &mut BitBuffer) -> Vec<u32> {
    let mut words = [0u64; WORDS];
    block.add_to(&mut words, buffer);
    (0..1 << 16).filter(|ord: &u32| words[*ord as usize / 64] >> (ord % 64) & 1 == 1).collect()
}

#[test]
fn the_words_of_a_block_mark_its_members() {
    for_seeds(40, |rng| {
        let mut buffer = BitBuffer::default();
        let share = rng.u32(1..=65_536);
        let bitmap: RoaringBitmap = (0..1 << 16).filter(|_| rng.u32(..65_536) < share).collect();
        let expected: Vec<u32> = bitmap.iter().collect();
        let mut mapped = Vec::new();
        bitmap.serialize_into(&mut mapped).unwrap();
        let len = u32::try_from(expected.len()).unwrap();
        for block in [Block::new(bitmap.clone()), Block::mapped(len, mapped.into())] {
            assert_eq!(members(&block, &mut buffer), expected);
        }
        let mut runs = bitmap;
        runs.insert_range(1_000..40_000);
        runs.optimize();
        assert_eq!(members(&Block::new(runs.clone()), &mut buffer), runs.iter().collect::<Vec<_>>());
    });
    // On both sides of the limit, and full.
    for len in [1, 4_096, 4_097, 65_536] {
        let block = Block::new((0..len).collect());
        assert_eq!(members(&block, &mut BitBuffer::default()), (0..len).collect::<Vec<_>>(), "{len} members");
        assert_eq!(block.is_dense(), len > 4_096, "{len} members");
    }
}
