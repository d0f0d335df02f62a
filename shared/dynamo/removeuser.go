package dynamo

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/latchkey-api/latchkey/shared/token"
)

// RemoveUser implements token.UserStore. It removes the tokens, then the SEG
// items, the webhooks and the wallet. The last step is one transaction: it removes the name, so that until
// then the call can be repeated by name, and leaves META and the directory item
// without their contents. They are never removed, so that the id is not given
// again, and the purge knows that it has nothing to count.
//
// Nothing is counted while tokens are removed, and no token can be created: META
// says that the user is being deleted.
func (s *Store) RemoveUser(ctx context.Context, u token.User, report token.Progress) (removed int64, err error) {
	err = s.eachBucket(ctx, u.ID, u.LastTokenID, func(items []item) error {
		if err := s.removeForeign(ctx, items); err != nil {
			return err
		}
		if err := s.removeItems(ctx, items); err != nil {
			return err
		}
		removed += int64(len(items))
		report.Report(removed, u.TokenCount())
		return nil
	})
	if err != nil {
		return removed, fmt.Errorf("remove the tokens of user %s: %w", u.Name, err)
	}
	items, err := s.query(ctx, userPartition(u.ID), wholePartition())
	if err != nil {
		return removed, fmt.Errorf("read the items of user %s: %w", u.Name, err)
	}
	endpoints, err := s.query(ctx, endpointPartition(u.ID), wholePartition())
	if err != nil {
		return removed, fmt.Errorf("read the webhooks of user %s: %w", u.Name, err)
	}
	meta := userKey(u.ID)
	items = slices.DeleteFunc(append(items, endpoints...), func(it item) bool { return sameKey(it, meta) })
	if err := s.removeItems(ctx, append(items, walletKey(u.ID))); err != nil {
		return removed, fmt.Errorf("remove the items of user %s: %w", u.Name, err)
	}
	reasons, err := s.transact(ctx, s.forgetUser(u)...)
	if reasons != nil && reasons[0].failed { // the name is gone, or another user's: this was done before
		return removed, nil
	}
	if err != nil {
		return removed, fmt.Errorf("remove user %s: %w", u.Name, err)
	}
	return removed, nil
}

// forgetUser returns the writes of the last step of a removal.
func (s *Store) forgetUser(u token.User) []write {
	name, meta, directory := newExpression(), newExpression(), newExpression()
	name.require(name.name(attrUserID).equals(u.ID))
	meta.require(meta.name(attrDeleting).exists())
	directory.require(directory.name(attrName).exists())
	directory.set(attrName, nil)
	tombstone := userKey(u.ID)
	tombstone[attrDeleting] = optionalFlag(true)
	return []write{s.deleteWrite(nameKey(u.Name), name), s.putWrite(tombstone, meta), s.updateWrite(directoryKey(u.ID), directory)}
}

func (s *Store) removeItems(ctx context.Context, items []item) error {
	errs := make([]error, len(items))
	inParallel(len(items), maxParallelWrites, func(i int) {
		errs[i] = s.remove(ctx, item{PartitionKey: items[i][PartitionKey], SortKey: items[i][SortKey]}, retryStop())
	})
	return errors.Join(errs...)
}

// removeForeign removes the KEY items of tokens that are about to be removed.
func (s *Store) removeForeign(ctx context.Context, tokens []item) error {
	var keys []item
	for _, it := range tokens {
		r := reader{item: it}
		if r.has(attrForeign) {
			keys = append(keys, foreignKeyKey(r.hash(attrForeign)))
		}
	}
	return s.removeItems(ctx, keys)
}

// userGone reports whether a transaction was cancelled because the user is being
// deleted or was deleted. meta is the reason of its write of META.
func userGone(meta reason) bool {
	_, gone := meta.item[attrDeleting]
	return meta.failed && gone
}
