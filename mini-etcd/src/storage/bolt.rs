//! Writes a whole database file of bbolt, etcd's storage engine, so that `etcdctl snapshot` can read
//! what a member hands out and a real etcd can be restored from it. Members never read one.
//!
//! A file is pages of 4 KiB (bbolt 1.3 page.go, db.go, bucket.go; all numbers little-endian):
//! ```text
//! page 0, 1  meta: where the root bucket is, with a checksum (the second has the later transaction)
//! page 2     the list of free pages, empty
//! page 3...  B+ trees: leaves and branches; a page that overflows goes on in the next ones
//!
//! page    | id u64 | kind u16 | count u16 | overflow u32 | elements | keys and values |
//! leaf    | flags u32 | key at u32 | key size u32 | value size u32 |   at: from the element's start
//! branch  | key at u32 | key size u32 | page u64 |
//! bucket  | root page u64 | sequence u64 |   the value in its parent; root 0: the page is behind it
//! ```

const PAGE: usize = 4096;
const PAGE_HEADER: usize = 16;
const ELEMENT: usize = 16;
const MAGIC: u32 = 0xED0C_DAED;
const VERSION: u32 = 2;

const BRANCH: u16 = 0x01;
const LEAF: u16 = 0x02;
const META: u16 = 0x04;
const FREELIST: u16 = 0x10;
/// The flag of a leaf's element that is a bucket.
const IS_BUCKET: u32 = 1;

/// A key and its value.
pub type Row = (Vec<u8>, Vec<u8>);

/// One element of a page: a key, and a value or the page below.
struct Element {
    key: Vec<u8>,
    rest: Rest,
}

enum Rest {
    Value { flags: u32, value: Vec<u8> },
    Page(u64),
}

impl Element {
    fn size(&self) -> usize {
        let value = match &self.rest {
            Rest::Value { value, .. } => value.len(),
            Rest::Page(_) => 0,
        };
        ELEMENT + self.key.len() + value
    }
}

/// The file that holds these buckets, each with its rows. Buckets and rows are in the order of
/// their keys.
pub fn file(buckets: Vec<(&[u8], Vec<Row>)>) -> Vec<u8> {
    let mut file = vec![0; 3 * PAGE];
    let roots: Vec<Element> = buckets
        .into_iter()
        .map(|(name, rows)| {
            let value = bucket(&mut file, rows);
            Element { key: name.to_vec(), rest: Rest::Value { flags: IS_BUCKET, value } }
        })
        .collect();
    let root = tree(&mut file, LEAF, roots);
    header(&mut file, 2, FREELIST, 0, 0);
    let pages = (file.len() / PAGE) as u64;
    for transaction in 0..2 {
        meta(&mut file, transaction, root, pages);
    }
    file
}

/// Writes a bucket's rows. Returns its value in its parent.
fn bucket(file: &mut Vec<u8>, rows: Vec<Row>) -> Vec<u8> {
    if rows.is_empty() {
        // An empty page, within the value itself.
        let mut value = vec![0; 16 + PAGE_HEADER];
        value[24..26].copy_from_slice(&LEAF.to_le_bytes());
        return value;
    }
    let element = |(key, value)| Element { key, rest: Rest::Value { flags: 0, value } };
    let root = tree(file, LEAF, rows.into_iter().map(element).collect());
    [root.to_le_bytes(), [0; 8]].concat()
}

/// Writes elements as a B+ tree. Returns the page of its root.
fn tree(file: &mut Vec<u8>, kind: u16, elements: Vec<Element>) -> u64 {
    let mut parents = Vec::new();
    let (mut page, mut size) = (Vec::new(), PAGE_HEADER);
    for element in elements {
        if !page.is_empty() && size + element.size() > PAGE {
            parents.push(write(file, kind, std::mem::take(&mut page)));
            size = PAGE_HEADER;
        }
        size += element.size();
        page.push(element);
    }
    parents.push(write(file, kind, page));
    match &parents[..] {
        [Element { rest: Rest::Page(root), .. }] => *root,
        _ => tree(file, BRANCH, parents),
    }
}

/// Writes one page. Returns the element that stands for it in its parent.
fn write(file: &mut Vec<u8>, kind: u16, elements: Vec<Element>) -> Element {
    let start = file.len();
    let size = PAGE_HEADER + elements.iter().map(Element::size).sum::<usize>();
    let pages = size.div_ceil(PAGE);
    let id = (start / PAGE) as u64;
    file.resize(start + PAGE_HEADER, 0);
    header(file, id, kind, elements.len() as u16, pages as u32 - 1);
    let mut at = elements.len() * ELEMENT;
    for element in &elements {
        let key_size = element.key.len() as u32;
        match &element.rest {
            Rest::Value { flags, value } => {
                for word in [*flags, at as u32, key_size, value.len() as u32] {
                    file.extend_from_slice(&word.to_le_bytes());
                }
                at += element.key.len() + value.len();
            }
            Rest::Page(page) => {
                file.extend_from_slice(&(at as u32).to_le_bytes());
                file.extend_from_slice(&key_size.to_le_bytes());
                file.extend_from_slice(&page.to_le_bytes());
                at += element.key.len();
            }
        }
        // Places count from their own element.
        at -= ELEMENT;
    }
    for element in &elements {
        file.extend_from_slice(&element.key);
        if let Rest::Value { value, .. } = &element.rest {
            file.extend_from_slice(value);
        }
    }
    file.resize(start + pages * PAGE, 0);
    let key = elements.into_iter().next().map(|first| first.key).unwrap_or_default();
    Element { key, rest: Rest::Page(id) }
}

fn header(file: &mut [u8], id: u64, kind: u16, count: u16, overflow: u32) {
    let at = id as usize * PAGE;
    file[at..at + 8].copy_from_slice(&id.to_le_bytes());
    file[at + 8..at + 10].copy_from_slice(&kind.to_le_bytes());
    file[at + 10..at + 12].copy_from_slice(&count.to_le_bytes());
    file[at + 12..at + 16].copy_from_slice(&overflow.to_le_bytes());
}

/// Writes the meta page of a transaction: bbolt takes the valid one with the later one.
fn meta(file: &mut [u8], transaction: u64, root: u64, pages: u64) {
    header(file, transaction, META, 0, 0);
    let mut meta = Vec::new();
    for word in [MAGIC, VERSION, PAGE as u32, 0] {
        meta.extend_from_slice(&word.to_le_bytes());
    }
    for word in [root, 0, 2, pages, transaction] {
        meta.extend_from_slice(&word.to_le_bytes());
    }
    meta.extend_from_slice(&fnv1a(&meta).to_le_bytes());
    let at = transaction as usize * PAGE + PAGE_HEADER;
    file[at..at + meta.len()].copy_from_slice(&meta);
}

/// The checksum of a meta page: FNV-1a of 64 bits.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number<const N: usize>(file: &[u8], at: usize) -> u64 {
        let mut bytes = [0; 8];
        bytes[..N].copy_from_slice(&file[at..at + N]);
        u64::from_le_bytes(bytes)
    }

    /// Reads the rows below the page that starts at `at`.
    fn rows(file: &[u8], at: usize) -> Vec<Row> {
        let count = number::<2>(file, at + 10) as usize;
        let is_leaf = number::<2>(file, at + 8) == u64::from(LEAF);
        let element = |i: usize| at + PAGE_HEADER + i * ELEMENT;
        let slice = |from: usize, len: u64| file[from..from + len as usize].to_vec();
        let mut found = Vec::new();
        for at in (0..count).map(element) {
            if is_leaf {
                let (key_at, key_size) =
                    (at + number::<4>(file, at + 4) as usize, number::<4>(file, at + 8));
                let value_at = key_at + key_size as usize;
                found.push((slice(key_at, key_size), slice(value_at, number::<4>(file, at + 12))));
            } else {
                let below = rows(file, number::<8>(file, at + 8) as usize * PAGE);
                let key_at = at + number::<4>(file, at) as usize;
                assert_eq!(slice(key_at, number::<4>(file, at + 4)), below[0].0);
                found.extend(below);
            }
        }
        found
    }

    fn bucket_rows(file: &[u8], value: &[u8]) -> Vec<Row> {
        match number::<8>(value, 0) {
            0 => rows(value, 16),
            root => rows(file, root as usize * PAGE),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_row_is_found_again_under_its_bucket(
            map in prop::collection::btree_map(
                prop::collection::vec(any::<u8>(), 1..40),
                prop::collection::vec(any::<u8>(), 0..6000),
                0..120,
            ),
        ) {
            let all: Vec<Row> = map.into_iter().collect();
            let file = file(vec![(b"a", Vec::new()), (b"b", all.clone())]);
            prop_assert_eq!(file.len() % PAGE, 0);
            let meta = PAGE + PAGE_HEADER;
            prop_assert_eq!(number::<8>(&file, meta + 56), fnv1a(&file[meta..meta + 56]));
            prop_assert_eq!(number::<8>(&file, meta + 40) as usize * PAGE, file.len());
            let root = rows(&file, number::<8>(&file, meta + 16) as usize * PAGE);
            prop_assert_eq!(root.len(), 2);
            prop_assert!(bucket_rows(&file, &root[0].1).is_empty());
            prop_assert_eq!(bucket_rows(&file, &root[1].1), all);
        }
    }
}
