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
// when all calls have returned. The last call is on the caller's goroutine: often
// it is the only one, and a new goroutine's stack has to grow first.
func inParallel(n, limit int, do func(i int)) {
	slots := make(chan struct{}, limit)
	var others sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		if i == n-1 {
			do(i)
			break
		}
		others.Go(func() {
			defer func() { <-slots }()
			do(i)
		})
	}
	others.Wait()
}
