package dynamo

import (
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/token"
)

// The attributes of META, the item of a user. They are kept under 1 KiB, so
// that a transaction that touches META costs two units for it.
const (
	attrRole    = "role"
	attrGiven   = "seq" // token ids ever given
	attrDeleted = "del" // deletions counted, in all segments
	attrUserID  = "uid" // of NAME and directory items
	attrPaced   = "paced"

	// The limits, where they are not the defaults.
	attrMaxTokens   = "max"
	attrCreateRate  = "rate"
	attrCreateBurst = "burst"

	// Deletions counted in bucket n of the item's segment: d0 … d63. META
	// holds segment 0, a SEG item each of the others.
	attrBucketPrefix = "d"

	// An access token's slot n: a0 … a4, a map of these.
	attrSlotPrefix  = "a"
	attrSlotHash    = "h"
	attrSlotIssued  = "i"
	attrSlotCreated = "c"
	attrSlotExpires = "x"
)

func bucketAttribute(id int64) string {
	return attrBucketPrefix + strconv.FormatInt(pages.BucketOf(id)%pages.SegmentBuckets, 10)
}

// userItem writes META of a user who has no tokens yet.
func userItem(u token.User) item {
	it := userKey(u.ID)
	it[attrGiven] = number(u.LastTokenID)
	it[attrDeleted] = number(u.DeletedTokens)
	it[attrCreated] = number(u.Created)
	it[attrVersion] = number(u.Version)
	it[attrName] = text(u.Name)
	for name, value := range operatorAttributes(u) {
		if value != nil {
			it[name] = value
		}
	}
	return it
}

// operatorAttributes are those that the operator changes; nil is left out.
func operatorAttributes(u token.User) item {
	it := item{attrRole: text(string(u.Role)), attrOff: flag(u.Disabled)}
	for name, limit := range limits(&u.Limits) {
		it[name] = nil
		if *limit.value != limit.otherwise {
			it[name] = number(*limit.value)
		}
	}
	for i, slot := range u.Slots {
		it[attrSlotPrefix+strconv.Itoa(i)] = slotItem(slot)
	}
	return it
}

// A limit is one of a user's, and what it is where none is stored.
type limit struct {
	value     *int64
	otherwise int64
}

func limits(l *token.Limits) map[string]limit {
	usual := token.DefaultLimits()
	return map[string]limit{
		attrMaxTokens:   {&l.MaxTokens, usual.MaxTokens},
		attrCreateRate:  {&l.CreatesPerSecond, usual.CreatesPerSecond},
		attrCreateBurst: {&l.CreateBurst, usual.CreateBurst},
	}
}

func slotItem(s token.Slot) types.AttributeValue {
	if s.Hash == [32]byte{} {
		return nil
	}
	m := item{
		attrSlotHash:    &types.AttributeValueMemberB{Value: s.Hash[:]},
		attrSlotIssued:  number(s.UserVersion),
		attrSlotCreated: number(s.Created),
	}
	if s.Expires != 0 {
		m[attrSlotExpires] = number(s.Expires)
	}
	return &types.AttributeValueMemberM{Value: m}
}

// readUser reads META and the deletions of segment 0.
func readUser(it item, userID int64) (token.User, pages.Segment, error) {
	r := reader{item: it}
	u := token.User{
		ID:            userID,
		Name:          r.text(attrName),
		Role:          token.Role(r.text(attrRole)),
		Disabled:      r.flag(attrOff),
		Version:       r.number(attrVersion),
		Created:       r.number(attrCreated),
		LastTokenID:   r.number(attrGiven),
		DeletedTokens: r.number(attrDeleted),
		RateTAT:       r.number(attrPaced),
	}
	for name, limit := range limits(&u.Limits) {
		*limit.value = limit.otherwise
		if r.has(name) {
			*limit.value = r.number(name)
		}
	}
	for i := range u.Slots {
		m, ok := it[attrSlotPrefix+strconv.Itoa(i)].(*types.AttributeValueMemberM)
		if !ok {
			continue
		}
		s := reader{item: m.Value}
		u.Slots[i] = token.Slot{
			Hash:        s.hash(attrSlotHash),
			UserVersion: s.number(attrSlotIssued),
			Created:     s.number(attrSlotCreated),
			Expires:     s.number(attrSlotExpires),
		}
		if r.err == nil {
			r.err = s.err
		}
	}
	deleted, err := readSegment(it)
	if r.err == nil {
		r.err = err
	}
	return u, deleted, r.err
}

// readSegment reads the deletions per bucket of META or SEG.
func readSegment(it item) (pages.Segment, error) {
	r := reader{item: it}
	var deleted pages.Segment
	for i := range deleted {
		deleted[i] = r.number(attrBucketPrefix + strconv.Itoa(i))
	}
	return deleted, r.err
}
