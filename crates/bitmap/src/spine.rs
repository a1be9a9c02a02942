use std::sync::Arc;

/// Elements of a twig, and twigs of a branch.
const FAN: usize = 32;

/// A persistent vector of three levels: a clone copies one reference per 1,024 elements, a write 64 more.
#[derive(Debug, Clone)]
pub(crate) struct Spine<T> {
    branches: Vec<Arc<[Twig<T>]>>,
    len: usize,
}

type Twig<T> = Arc<[T]>;

impl<T: Clone> Spine<T> {
    pub(crate) fn new() -> Self {
        Self { branches: Vec::new(), len: 0 }
    }

    pub(crate) fn from_slice(list: &[T]) -> Self {
        let twigs: Vec<Twig<T>> = list.chunks(FAN).map(Arc::from).collect();
        Self { branches: twigs.chunks(FAN).map(Arc::from).collect(), len: list.len() }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn get(&self, at: usize) -> Option<&T> {
        self.branches.get(at / (FAN * FAN))?.get(at / FAN % FAN)?.get(at % FAN)
    }

    pub(crate) fn push(&mut self, element: T) {
        if self.len.is_multiple_of(FAN * FAN) {
            self.branches.push(Arc::from([]));
        }
        if let Some(branch) = self.branches.last_mut() {
            if self.len.is_multiple_of(FAN) {
                *branch = with_last(branch, Arc::from([element]));
            } else if let Some(twig) = Arc::make_mut(branch).last_mut() {
                *twig = with_last(twig, element);
            }
        }
        self.len += 1;
    }

    /// The element at `at` for writing; its twig and branch become this vector's own.
    pub(crate) fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        let branch = Arc::make_mut(self.branches.get_mut(at / (FAN * FAN))?);
        Arc::make_mut(branch.get_mut(at / FAN % FAN)?).get_mut(at % FAN)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.branches.iter().flat_map(|branch| branch.iter()).flat_map(|twig| twig.iter())
    }
}

fn with_last<T: Clone>(list: &[T], element: T) -> Arc<[T]> {
    list.iter().cloned().chain([element]).collect()
}
