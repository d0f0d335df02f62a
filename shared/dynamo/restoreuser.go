package dynamo

import (
	"context"
	"slices"

	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/narrow"
	"github.com/latchkey-api/latchkey/shared/token"
)

// user restores one user: first META with policy and wallet, then the webhooks, the
// tokens, and the counts.
func (r *restoration) user(ctx context.Context, u restoredUser) error {
	switch {
	case u.restored.Name == "":
		return r.keepID(ctx, u)
	case u.live.Name == "" || u.live.Deleting:
		if r.skips(narrow.UsersDeleted) {
			return nil
		}
		r.count(narrow.UsersDeleted)
		return r.removeUser(ctx, u)
	}
	r.mu.Lock()
	r.report.Users++
	r.mu.Unlock()
	next, wallet, err := r.meta(ctx, u)
	if err != nil {
		return err
	}
	if err := r.webhooks(ctx, u); err != nil {
		return err
	}
	if err := r.tokens(ctx, u, next, wallet); err != nil || r.DryRun {
		return err
	}
	if _, err := r.to.Reconcile(ctx, u.id, r.Now, false); err != nil {
		return &TableError{r.to.table, err}
	}
	return nil
}

// keepID leaves, for a user who was created since, what the deletion of a user
// leaves. So the id is not given to another user.
func (r *restoration) keepID(ctx context.Context, u restoredUser) error {
	if u.live.Name != "" && !u.live.Deleting {
		r.mu.Lock()
		r.report.NewUsers++
		r.mu.Unlock()
	}
	found, err := r.to.get(ctx, directoryKey(u.id))
	if err != nil {
		return &TableError{r.to.table, err}
	}
	if len(found) > 0 {
		return nil
	}
	r.count(narrow.NewIDs)
	if r.DryRun {
		return nil
	}
	meta := userKey(u.id)
	meta[attrDeleting] = optionalFlag(true)
	reasons, err := r.to.transact(ctx, r.to.putNew(directoryKey(u.id)), r.to.putNew(meta))
	if err != nil && reasons == nil {
		return &TableError{r.to.table, err}
	}
	return nil
}

// removeUser deletes a user who was deleted since, with all tokens.
func (r *restoration) removeUser(ctx context.Context, u restoredUser) error {
	if r.DryRun {
		return nil
	}
	gone := u.restored
	if !gone.Deleting {
		gone.Deleting = true
		var err error
		if gone, err = r.to.ChangeUser(ctx, gone); err != nil {
			return &TableError{r.to.table, err}
		}
	}
	gone.LastTokenID += pages.BucketSize // a backup may have the token of a create without its count
	if _, err := r.to.RemoveUser(ctx, gone, nil); err != nil {
		return &TableError{r.to.table, err}
	}
	return nil
}

// accountState is what the operator has set for a user beside META.
type accountState struct {
	wallet  token.Wallet
	policy  token.Policy
	version int64 // of the stored policy; 0 if there is none
}

func (s *Store) accountState(ctx context.Context, u token.User) (a accountState, err error) {
	found, err := s.batchGet(ctx, walletKey(u.ID), policyKey(u.ID))
	if err != nil {
		return a, &TableError{s.table, err}
	}
	if a.wallet, err = readWallet(found[0], u.ID); err != nil {
		return a, &TableError{s.table, err}
	}
	if a.policy, a.version, err = readPolicy(found[1]); err != nil {
		return a, &TableError{s.table, err}
	}
	if u.PolicyVersion == 0 {
		a.policy = token.Policy{}
	}
	return a, nil
}

// meta writes the user with its policy and wallet, in one transaction. It returns
// both as the tokens must follow them.
func (r *restoration) meta(ctx context.Context, u restoredUser) (token.User, token.Wallet, error) {
	live, err := r.Live.accountState(ctx, u.live)
	if err != nil {
		return token.User{}, token.Wallet{}, err
	}
	restored, err := r.to.accountState(ctx, u.restored)
	if err != nil {
		return token.User{}, token.Wallet{}, err
	}
	next := narrow.User(r.userToFollow(u), u.restored)
	kinds := narrow.UserDifferences(u.restored, next)
	policy, wallet := restored.policy, narrow.WithBudget(live.wallet, restored.wallet)
	if !r.skips(narrow.Policies) {
		policy = narrow.Policy(live.policy, restored.policy)
	}
	walletKind := narrow.Spent
	if !r.skips(narrow.Budgets) {
		walletKind, wallet = narrow.Budgets, narrow.Wallet(live.wallet, restored.wallet)
	}
	newPolicy, newWallet := !narrow.SamePolicy(policy, restored.policy), wallet != restored.wallet
	if newPolicy {
		kinds = append(kinds, narrow.Policies)
	}
	if newWallet {
		kinds = append(kinds, walletKind)
	}
	r.count(kinds...)
	if r.DryRun || len(kinds) == 0 && u.live.Version <= u.restored.Version {
		return next, wallet, nil
	}
	next.Version = max(u.live.Version, u.restored.Version) + 1
	e := restoredMeta(u.restored, next)
	e.set(attrNote, operatorOf(ctx).note(history.UserUpdated))
	writes := []write{r.to.updateWrite(userKey(u.id), e)}
	if newPolicy {
		e.set(attrPolicyVersion, policyVersion(policy, next.Version))
		writes = append(writes, r.to.putWrite(policyItem(u.id, next.Version, policy), newExpression()))
	}
	if newWallet {
		e.set(attrUserWallet, userWallet(wallet))
		require := newExpression()
		if restored.wallet.Revision == 0 {
			require.require(require.name(PartitionKey).absent())
		} else {
			require.require(require.name(attrRevision).equals(restored.wallet.Revision))
		}
		stored := wallet
		stored.Revision++
		writes = append(writes, r.to.putWrite(walletItem(stored), require))
	}
	writes[0] = r.to.updateWrite(userKey(u.id), e)
	switch reasons, err := r.to.transact(ctx, writes...); {
	case reasons != nil:
		return next, wallet, &TableError{r.to.table, token.ErrContention}
	case err != nil:
		return next, wallet, &TableError{r.to.table, err}
	}
	return next, wallet, nil
}

// userToFollow is the live user, with the restored one's state where the operator
// wants to keep that.
func (r *restoration) userToFollow(u restoredUser) token.User {
	live := u.live
	if r.skips(narrow.UsersDisabled) {
		live.Disabled, live.Role, live.StopOrders = u.restored.Disabled, u.restored.Role, u.restored.StopOrders
	}
	if r.skips(narrow.AccessTokens) {
		live.Slots = u.restored.Slots
	}
	if r.skips(narrow.UserLimits) {
		live.Limits = u.restored.Limits
	}
	if r.skips(narrow.Groups) {
		live.Groups = u.restored.Groups
	}
	return live
}

func policyVersion(p token.Policy, version int64) attributeValue {
	if p.IsZero() {
		return nil
	}
	return number(version)
}

// restoredMeta writes what the operator changes, and the counters. It requires the
// user to be as it was read.
func restoredMeta(found, next token.User) *expression {
	e := newExpression()
	e.require(e.name(attrVersion).equals(found.Version))
	e.require(e.name(attrLastTokenID).equals(found.LastTokenID))
	e.set(attrVersion, number(next.Version))
	e.set(attrLastTokenID, number(next.LastTokenID))
	e.set(attrRateTAT, optionalNumber(next.RateTAT))
	e.set(attrChangeTAT, optionalNumber(next.ChangeTAT))
	for attr, value := range operatorAttributes(next) {
		e.set(attr, value)
	}
	return e
}

// bucketsOf returns the buckets that may have tokens of the user in either table.
func bucketsOf(u restoredUser) int64 {
	last := max(u.live.LastTokenID, u.restored.LastTokenID, 1)
	return pages.BucketOf(last) + 2 // a backup may have the token of a create without its count
}

// byID returns items of tokens by their ids.
func byID(items []item) (map[int64]item, error) {
	all := make(map[int64]item, len(items))
	for _, it := range items {
		r := reader{item: it}
		id := r.number(SortKey)
		if r.err != nil {
			return nil, r.err
		}
		all[id] = it
	}
	return all, nil
}

func sortedIDs(items map[int64]item) []int64 {
	ids := make([]int64, 0, len(items))
	for id := range items {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
