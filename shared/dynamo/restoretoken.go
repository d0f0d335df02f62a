package dynamo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/narrow"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

type attributeValue = types.AttributeValue

// tokens restores the tokens of a user, bucket by bucket.
func (r *restoration) tokens(ctx context.Context, u restoredUser, next token.User, w token.Wallet) error {
	for bucket := range bucketsOf(u) {
		var found [2]map[int64]item
		var errs [2]error
		inParallel(2, 2, func(i int) {
			s := []*Store{r.Live, r.to}[i]
			items, err := s.query(ctx, tokenPartition(u.id, bucket), wholePartition())
			if err == nil {
				found[i], err = byID(items)
			}
			if err != nil {
				errs[i] = &TableError{s.table, fmt.Errorf("read the tokens of user %d: %w", u.id, err)}
			}
		})
		if err := errors.Join(errs[:]...); err != nil {
			return err
		}
		live, restored := found[0], found[1]
		r.countTokens(live, restored)
		each := forEach(sortedIDs(restored), func(id int64) error { return r.token(ctx, live[id], restored[id], next, w) })
		if err := errors.Join(each...); err != nil {
			return err
		}
	}
	return nil
}

func (r *restoration) countTokens(live, restored map[int64]item) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Tokens += int64(len(restored))
	for id, it := range live {
		if restored[id] == nil && !revoked(it) {
			r.report.NewTokens++
		}
	}
}

// token restores one token. live is nil if it was removed since.
func (r *restoration) token(ctx context.Context, live, restored item, u token.User, w token.Wallet) error {
	if revoked(restored) {
		return nil // its deletion is completed with the counts
	}
	was, err := readLedger(restored, u.ID)
	if err != nil {
		return &TableError{r.to.table, err}
	}
	var now quota.Ledger
	switch deleted := live == nil || revoked(live); {
	case deleted && !r.skips(narrow.Deleted):
		r.count(narrow.Deleted)
		return r.kill(ctx, was)
	case deleted:
		// Its block was returned to the wallet when it was deleted.
		live, now = restored, was
		now.Block = token.Block{}
	default:
		if now, err = readLedger(live, u.ID); err != nil {
			return &TableError{r.Live.table, err}
		}
	}
	next, fits := narrow.Token(r.tokenToFollow(now, was, w), was, r.Now)
	if !fits {
		r.mu.Lock()
		r.report.Disabled = append(r.report.Disabled, token.Address{UserID: u.ID, ID: was.ID})
		r.mu.Unlock()
	}
	next.Token, _ = next.Follow(w)
	next.Stopped = next.Stopped || u.KeysStopped()
	kinds := narrow.Differences(was, next, r.Now)
	r.count(kinds...)
	if len(kinds) == 0 && now.Version <= was.Version {
		return nil
	}
	next.Version, next.Revision = max(now.Version, was.Version)+1, max(now.Revision, was.Revision)+1
	e := newExpression()
	e.require(e.name(attrHash).exists())
	e.require(e.name(attrVersion).equals(was.Version))
	requireSame(e, attrRevision, restored[attrRevision])
	it := r.restoredToken(live, restored, next, u)
	it[attrNote] = operatorOf(ctx).note(history.TokenRestored)
	if err := r.fileTimers(ctx, restored, it); err != nil {
		return err
	}
	return r.put(ctx, it, e)
}

// fileTimers files the timers of an expiry that was set after the backup. The fold
// of the live table has made the schedules for them.
func (r *restoration) fileTimers(ctx context.Context, before, after item) error {
	if r.DryRun {
		return nil
	}
	key := reader{item: after}
	record := StreamRecord{
		Partition: key.text(PartitionKey), Number: strconv.FormatInt(key.number(SortKey), 10), Before: before, After: after, Time: time.Unix(r.Now, 0),
	}
	if _, err := r.to.FileTimers(ctx, []StreamRecord{record}, r.Now); err != nil {
		return &TableError{r.to.table, err}
	}
	return nil
}

// tokenToFollow is the live token, with the restored one's state where the operator
// wants to keep that.
func (r *restoration) tokenToFollow(live, restored quota.Ledger, w token.Wallet) quota.Ledger {
	if r.skips(narrow.Keys) {
		live.Token = narrow.WithKeys(live.Token, restored.Token)
	}
	if r.skips(narrow.Disabled) {
		live.Disabled, live.Stopped = restored.Disabled, restored.Stopped
	}
	if r.skips(narrow.Expiry) {
		live.ExpiredTime = restored.ExpiredTime
	}
	if r.skips(narrow.Models) {
		live.ModelLimitsEnabled, live.Models = restored.ModelLimitsEnabled, restored.Models
	}
	if r.skips(narrow.Addresses) {
		live.AllowIPs = restored.AllowIPs
	}
	if r.skips(narrow.Groups) {
		live.Group, live.GroupGranted = restored.Group, restored.GroupGranted
	}
	if r.skips(narrow.Limits) {
		live = narrow.WithLimits(live, restored, r.Now)
	}
	if r.skips(narrow.Budgets) && (live.WalletOrder > w.Order || live.Block.Count > w.Count) { // else the wallet is the live one
		live.UsesWallet, live.WalletOrder, live.Block = restored.UsesWallet, restored.WalletOrder, token.Block{}
	}
	return live
}

// kill makes a token's keys invalid, as a deletion does. Its block was returned
// when the live token was deleted, so it is dropped.
func (r *restoration) kill(ctx context.Context, t quota.Ledger) error {
	if r.DryRun {
		return nil
	}
	e := newExpression()
	e.require(e.name(attrHash).exists())
	e.set(attrHash, nil)
	e.set(attrPrevious, nil)
	e.set(attrWallet, nil)
	e.set(attrRevoked, text(fmt.Sprintf("%d-restore", r.Now)))
	e.set(attrNote, operatorOf(ctx).note(history.TokenRestored))
	found, applied, err := r.to.update(ctx, tokenKey(t.UserID, t.ID), e, retryStop())
	switch {
	case err != nil:
		return &TableError{r.to.table, err}
	case !applied && found != nil && !revoked(found):
		return &TableError{r.to.table, token.ErrContention}
	default:
		return nil
	}
}

// restoredToken returns the item of a token. What isn't in the ledger is as in the
// live item: it belongs to the key and the use.
func (r *restoration) restoredToken(live, restored item, next quota.Ledger, u token.User) item {
	it := maps.Clone(live)
	set := func(values item) {
		for attr, value := range values {
			if delete(it, attr); value != nil {
				it[attr] = value
			}
		}
	}
	set(ledgerItem(next))
	set(limitItem(next.Token))
	set(item{
		attrHash: binary(next.KeyHash[:]), attrMask: text(next.Mask), attrName: text(next.Name),
		attrLeaked: optionalNumber(next.LeakedTime),
		attrSealed: optionalBinary(next.SealedKey.Content), attrSealedUntil: optionalNumber(next.SealedKey.Until),
		attrDisabled: optionalFlag(next.Disabled), attrStopped: optionalFlag(next.Stopped),
		attrLimits: optionalFlag(next.ModelLimitsEnabled), attrModels: optionalList(next.Models), attrIPs: optionalList(next.AllowIPs),
		attrGroup: optionalText(next.Group), attrGroupGranted: optionalFlag(next.GroupGranted),
		attrExpires: optionalExpiry(next.ExpiredTime), TTL: nil,
		attrVersion: number(next.Version), attrRevision: number(next.Revision),
	})
	if next.ExpiredTime != token.Never { // the TTL of the table that has the expiry
		owner := reader{item: live}
		if !owner.has(attrExpires) || owner.number(attrExpires) != next.ExpiredTime {
			owner = reader{item: restored}
		}
		set(item{TTL: owner.item[TTL]})
	}
	if r.skips(narrow.Keys) {
		set(item{attrPrevious: restored[attrPrevious], attrPreviousMask: restored[attrPreviousMask], attrPreviousUntil: optionalNumber(next.PreviousUntil), attrPreviousHolds: restored[attrPreviousHolds]})
	}
	l, was := reader{item: live}, reader{item: restored}
	order := max(l.number(attrStopOrder), was.number(attrStopOrder))
	if u.KeysStopped() {
		order = u.StopOrders
	}
	set(item{attrStopOrder: optionalNumber(order)})
	return it
}
