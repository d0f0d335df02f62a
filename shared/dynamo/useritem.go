package dynamo

import (
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/token"
)

// The attributes of META, the item of a user. It must stay under 1 KiB, so
// that a transaction pays two write units for it.
const (
	attrRole          = "role"
	attrLastTokenID   = "seq" // token ids given so far
	attrDeletedTokens = "del" // deletions counted, in all segments
	attrUserID        = "uid" // in NAME items
	attrRateTAT       = "nt"  // microseconds; see token.User.RateTAT
	attrChangeTAT     = "ct"  // microseconds; see token.User.ChangeTAT

	attrGroups     = "gr"   // granted by the operator
	attrStopOrders = "ks"   // see token.User.StopOrders
	attrDeleting   = "gone" // the deletion of the user has begun; the only attribute once it is finished

	attrPolicyVersion = "po" // see token.User.PolicyVersion

	// The limits, if they differ from the defaults.
	attrMaxTokens   = "mt"
	attrCreateRate  = "nr"
	attrCreateBurst = "nb"
	attrChangeRate  = "cr"
	attrChangeBurst = "cb"

	// Deletions counted in bucket n of the item's segment: d0 … d63. META
	// has segment 0; each other segment has a SEG item.
	attrBucketPrefix = "d"

	// The access token in slot n: a0 … a4, each a map of these.
	attrSlotPrefix      = "a"
	attrSlotHash        = "h"
	attrSlotUserVersion = "i"
	attrSlotCreated     = "c"
	attrSlotExpires     = "x"
)

// bucketAttribute is the attribute that counts the deletions in a bucket.
func bucketAttribute(bucket int64) string {
	return attrBucketPrefix + strconv.FormatInt(bucket%pages.SegmentBuckets, 10)
}

// userItem returns the META item of a new user.
func userItem(u token.User) item {
	it := userKey(u.ID)
	it[attrLastTokenID] = number(u.LastTokenID)
	it[attrDeletedTokens] = number(u.DeletedTokens)
	it[attrCreated] = number(u.Created)
	it[attrVersion] = number(u.Version)
	it[attrName] = text(u.Name)
	setPresent(it, operatorAttributes(u))
	return it
}

// operatorAttributes are the attributes that the operator changes. A nil value
// means that the attribute is left out.
func operatorAttributes(u token.User) item {
	it := item{
		attrRole: text(string(u.Role)), attrDisabled: optionalFlag(u.Disabled), attrGroups: optionalList(u.Groups),
		attrStopOrders: optionalNumber(u.StopOrders), attrDeleting: optionalFlag(u.Deleting),
	}
	for name, limit := range limits(&u.Limits) {
		it[name] = nil
		if *limit.value != limit.byDefault {
			it[name] = number(*limit.value)
		}
	}
	for i, slot := range u.Slots {
		it[attrSlotPrefix+strconv.Itoa(i)] = optionalSlot(slot)
	}
	return it
}

// A limit points to one of a user's limits and has its default, which is not
// stored.
type limit struct {
	value     *int64
	byDefault int64
}

func limits(l *token.Limits) map[string]limit {
	defaults := token.DefaultLimits()
	return map[string]limit{
		attrMaxTokens:   {&l.MaxTokens, defaults.MaxTokens},
		attrCreateRate:  {&l.CreatesPerSecond, defaults.CreatesPerSecond},
		attrCreateBurst: {&l.CreateBurst, defaults.CreateBurst},
		attrChangeRate:  {&l.ChangesPerSecond, defaults.ChangesPerSecond},
		attrChangeBurst: {&l.ChangeBurst, defaults.ChangeBurst},
	}
}

// optionalSlot is nil for an empty slot.
func optionalSlot(s token.Slot) types.AttributeValue {
	if s.Hash == [32]byte{} {
		return nil
	}
	m := item{
		attrSlotHash:        binary(s.Hash[:]),
		attrSlotUserVersion: number(s.UserVersion),
		attrSlotCreated:     number(s.Created),
	}
	if s.Expires != 0 {
		m[attrSlotExpires] = number(s.Expires)
	}
	return mapOf(m)
}

// readUser reads META: the user, and the deletions in segment 0.
func readUser(it item, userID int64) (token.User, pages.Segment, error) {
	r := reader{item: it}
	u := token.User{
		ID:            userID,
		Name:          r.text(attrName),
		Role:          token.Role(r.text(attrRole)),
		Disabled:      r.flag(attrDisabled),
		StopOrders:    r.number(attrStopOrders),
		Deleting:      r.flag(attrDeleting),
		Version:       r.number(attrVersion),
		Created:       r.number(attrCreated),
		LastTokenID:   r.number(attrLastTokenID),
		DeletedTokens: r.number(attrDeletedTokens),
		RateTAT:       r.number(attrRateTAT),
		ChangeTAT:     r.number(attrChangeTAT),
		Groups:        r.list(attrGroups),
		UsesWallet:    r.number(attrUserWallet) > 0,
		PolicyVersion: r.number(attrPolicyVersion),
		WalletOrder:   max(r.number(attrUserWallet), -r.number(attrUserWallet)),
	}
	for name, limit := range limits(&u.Limits) {
		*limit.value = limit.byDefault
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
			UserVersion: s.number(attrSlotUserVersion),
			Created:     s.number(attrSlotCreated),
			Expires:     s.number(attrSlotExpires),
		}
		r.merge(&s)
	}
	deleted, err := readSegment(it)
	if r.err == nil {
		r.err = err
	}
	return u, deleted, r.err
}

// readSegment reads the deletions in each bucket of a META or SEG item. Most items have
// few of these attributes.
func readSegment(it item) (pages.Segment, error) {
	r := reader{item: it}
	var deleted pages.Segment
	for name := range it {
		if bucket, ok := bucketOfAttribute(name); ok {
			deleted[bucket] = r.number(name)
		}
	}
	return deleted, r.err
}

// bucketOfAttribute is the inverse of bucketAttribute.
func bucketOfAttribute(name string) (bucket int, ok bool) {
	digits, ok := strings.CutPrefix(name, attrBucketPrefix)
	if !ok || digits == "" || len(digits) > 2 {
		return 0, false
	}
	for _, digit := range []byte(digits) {
		if digit < '0' || digit > '9' {
			return 0, false
		}
		bucket = 10*bucket + int(digit-'0')
	}
	return bucket, bucket < pages.SegmentBuckets
}
