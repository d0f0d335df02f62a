package token

import "context"

// A Reconciliation is the result of recounting a user's tokens.
type Reconciliation struct {
	User       User
	Buckets    int64   // how many ranges of ids were recounted
	Unfinished int64   // deletions that had not been completed; they are now, except in a dry run
	Drifts     []Drift // buckets whose recorded count was wrong, by id
	Total      *Drift  // the user's total, if it is not the sum of the buckets
	Missing    int64   // Holdings.Missing of the user's budget; 0 if its parts add up
}

// A Drift is a recorded number of deleted tokens that differs from the actual
// number, for the ids from FirstID to LastID.
type Drift struct {
	FirstID, LastID  int64
	Recorded, Actual int64
}

// Reconcile recounts the tokens of the user with that name, completes
// unfinished deletions and repairs counts that have drifted. Units of the user's
// budget that are missing then count as used; if there are too many, the wallet
// has fewer left. A dry run only
// reports. Tokens may be created, deleted and purged meanwhile. In a dry run,
// expired tokens that were removed recently and that the purge has not counted
// yet show as drift; without it, Reconcile counts them instead of the purge.
func (s *UserService) Reconcile(ctx context.Context, name string, dryRun bool) (Reconciliation, error) {
	u, err := s.find(ctx, name)
	if err != nil {
		return Reconciliation{}, err
	}
	out, err := s.Store.Reconcile(ctx, u.ID, s.Now().Unix(), dryRun)
	out.User = u
	return out, err
}
