package dynamo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"sync"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A Folding is what Fold did.
type Folding struct {
	Done       int // records that are finished, from the first on
	Charges    int // records that were charges or refusals
	Unreadable int // records, and HOUR and DAY items, of which not all can be read
	Changes    int // records that were administrative changes
	Written    int // HOUR and DAY items written
	// BehindSeconds is the age of the oldest of the records: how old a change is
	// when it is counted.
	BehindSeconds int64
	// Unread says what the first of the unreadable ones is.
	Unread error
}

// leaveOut counts what can't be read.
func (f *Folding) leaveOut(err error) {
	f.Unreadable++
	f.Unread = cmp.Or(f.Unread, err)
}

// Fold adds the changes of a table to the histories of its tokens. The records may
// come late, and more than once, in other batches; those of one item must come in
// their order, as a stream has them. Each record is counted once. If Fold fails,
// the records from Folding.Done on must come again. now is in Unix seconds.
//
// Nothing that a record or an item has makes Fold fail, because it would fail until the
// stream loses its records. A record of a token that can't be read is left out. A HOUR
// or DAY item that can't be read keeps what can, and has the rest in historyAside.
func (s *Store) Fold(ctx context.Context, records []StreamRecord, now int64) (Folding, error) {
	f := folder{store: s, items: map[string]*foldedItem{}}
	out := Folding{Done: len(records)}
	for i, r := range records {
		out.BehindSeconds = max(out.BehindSeconds, now-r.Time.Unix())
		charged, err := f.add(i, r)
		changed, unread := f.addChange(i, r)
		if err = errors.Join(err, unread); err != nil {
			out.leaveOut(fmt.Errorf("record %s of %s %s: %w", r.Sequence, r.Partition, r.Number, err))
		}
		if charged {
			out.Charges++
		}
		if changed {
			out.Changes++
		}
	}
	first, err := f.write(ctx, &out)
	if err != nil {
		out.Done = first
		return out, err
	}
	s.noteFold(ctx, out, now)
	return out, nil
}

// A folder collects what a batch adds to each HOUR and DAY item.
type folder struct {
	store   *Store
	items   map[string]*foldedItem
	order   []*foldedItem
	entries []foldedEntry
}

// A foldedItem is what a batch adds to one item.
type foldedItem struct {
	key   item
	name  string
	first int // the index in the batch of the first record
	adds  []addition
}

// An addition is what one record adds.
type addition struct {
	position string
	history.Period
}

// add collects what a record adds. It is false if the record is no charge and no
// refusal of a token; then it adds nothing, or a revision.
func (f *folder) add(i int, r StreamRecord) (bool, error) {
	userID, id, ok := parseTokenKey(r.Partition, r.Number)
	if !ok || r.Event != "MODIFY" {
		return false, nil
	}
	tally, err := chargesOf(r)
	after := reader{item: r.After}
	p := history.Period{Tally: tally, Through: r.Time.Unix(), Revision: after.number(attrRevision)}
	name := credential.Redact(after.text(attrName))
	if err = errors.Join(err, after.err); err != nil || tally.Empty() && !restsAfter(r) {
		return false, err
	}
	f.addTo(hourKey(userID, id, p.Through), addition{r.position(), p}, i)
	if p.Name = name; len(name) > maxFoldedText {
		p.Name = ""
	}
	f.addTo(dayKey(userID, id, p.Through), addition{r.position(), p}, i)
	return !tally.Empty(), nil
}

// restsAfter reports whether a change of a token's ledger left no hold open, such as the
// release of one. Its revision is counted even if nothing was charged, because until
// the next charge it is how readers know that nothing is missing.
func restsAfter(r StreamRecord) bool {
	before, after := reader{item: r.Before}, reader{item: r.After}
	return after.number(attrRevision) != before.number(attrRevision) && after.number(attrOpenHolds) == 0
}

func (f *folder) addTo(key item, a addition, i int) {
	r := reader{item: key}
	name := fmt.Sprint(r.text(PartitionKey), "/", r.number(SortKey))
	folded := f.items[name]
	if folded == nil {
		folded = &foldedItem{key: key, name: name, first: i}
		f.items[name] = folded
		f.order = append(f.order, folded)
	}
	folded.adds = append(folded.adds, a)
}

// write writes the items. If some fail, it returns the first record that is not
// finished.
func (f *folder) write(ctx context.Context, out *Folding) (first int, err error) {
	keys := make([]item, len(f.order))
	for i, folded := range f.order {
		keys[i] = folded.key
	}
	stored, err := f.store.batchGet(ctx, keys...)
	if err != nil {
		return 0, fmt.Errorf("read histories: %w", err)
	}
	var mu sync.Mutex
	finished := func(record int, failed error) {
		mu.Lock()
		defer mu.Unlock()
		if failed != nil && (err == nil || record < first) {
			first, err = record, failed
		}
	}
	inParallel(len(f.order), maxParallelWrites, func(i int) {
		wrote, damage, failed := f.store.foldInto(ctx, f.order[i], stored[i])
		finished(f.order[i].first, failed)
		mu.Lock()
		defer mu.Unlock()
		if wrote {
			out.Written++
		}
		if wrote && damage != nil {
			out.leaveOut(damage)
		}
	})
	inParallel(len(f.entries), maxParallelWrites, func(i int) {
		failed := f.store.putEntry(ctx, f.entries[i].item)
		finished(f.entries[i].record, failed)
	})
	return first, err
}

// foldInto adds to an item what it does not have yet. It replaces the item on the
// condition that it is the one it read: another process may be folding the same
// records. damage says what of the item that it replaced can't be read.
func (s *Store) foldInto(ctx context.Context, folded *foldedItem, stored item) (wrote bool, damage, err error) {
	for attempt := range maxChangeAttempts {
		next, damage := folded.after(stored)
		if next == nil {
			return false, nil, nil
		}
		e := newExpression()
		requireSame(e, historySequence, stored[historySequence])
		found, err := s.put(ctx, next, e, retryIdempotent())
		if err != nil {
			return false, nil, fmt.Errorf("write history: %w", err)
		}
		if reflect.DeepEqual(found[historySequence], next[historySequence]) {
			return true, damage, nil
		}
		stored = found
		if err := pause(ctx, attempt); err != nil {
			return false, nil, err
		}
	}
	return false, nil, token.ErrContention
}

// after returns the item with the additions that it does not have yet, or nil if it
// has all of them. damage says what of it can't be read.
func (f *foldedItem) after(stored item) (next item, damage error) {
	r := reader{item: stored}
	last := r.text(historySequence)
	var p history.Period
	r.period(&p)
	p.Name = r.text(attrName)
	counted := last
	for _, a := range f.adds {
		if a.position <= last {
			continue
		}
		p.Merge(a.Tally)
		p.Name, p.Through, p.Revision, counted = a.Name, a.Through, a.Revision, a.position
	}
	if counted == last {
		return nil, nil //nolint:nilnil // there is nothing to write
	}
	it := maps.Clone(f.key)
	it[historySequence], it[historyThrough], it[historyRevision] = text(counted), number(p.Through), number(p.Revision)
	it[TTL] = number(p.Through + retainedSeconds)
	setTally(it, p.Tally)
	setPresent(it, item{attrName: optionalText(p.Name), historyAside: setAside(stored, r.err)})
	if r.err != nil {
		damage = fmt.Errorf("history %s: %w", f.name, r.err)
	}
	return it, damage
}
