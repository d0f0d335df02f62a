package token

import "context"

// A Reconciliation is what a recount of a user's tokens found.
type Reconciliation struct {
	User       User
	Buckets    int64   // that were looked at
	Unfinished int64   // deletions that were begun, and finished by this unless it was a dry run
	Drifts     []Drift // of buckets, by id
	Total      *Drift  // of the user's total, if it is not the sum of the buckets'
}

// A Drift is a count that is not what it should be: of the ids First to Last,
// Missing have no token, and Counted say the counters.
type Drift struct {
	FirstID, LastID  int64
	Recorded, Actual int64
}

// Reconcile recounts the tokens of the user of that name, finishes deletions
// that were begun, and repairs counts that have drifted. A dry run only looks.
// It may be called while tokens are made, deleted and purged. In a dry run,
// what DynamoDB removed lately and the purge has still to count shows as drift;
// a repair counts it in the purge's place.
func (a *UserService) Reconcile(ctx context.Context, name string, dryRun bool) (Reconciliation, error) {
	u, err := a.Store.FindUser(ctx, name)
	if err != nil {
		return Reconciliation{}, err
	}
	out, err := a.Store.Reconcile(ctx, u.ID, a.Now().Unix(), dryRun)
	out.User = u
	return out, err
}
