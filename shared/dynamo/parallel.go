package dynamo

import "sync"

// forEach calls do for each id, up to maxParallelWrites at the same time, and
// returns the errors in the order of the ids.
func forEach(ids []int64, do func(id int64) error) []error {
	errs := make([]error, len(ids))
	inParallel(len(ids), maxParallelWrites, func(i int) { errs[i] = do(ids[i]) })
	return errs
}

// inParallel calls do for 0 to n-1, up to limit at the same time, and returns
// when all calls have returned.
func inParallel(n, limit int, do func(i int)) {
	slots := make(chan struct{}, limit)
	var all sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			do(i)
		})
	}
	all.Wait()
}
