package dynamo

import (
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// The attributes of a token. Those that are false, empty or never are left
// out: it keeps the item small, and a condition can ask whether they exist.
const (
	attrHash     = "hash" // B, SHA-256 of the key; gone once the token is killed
	attrKilled   = "killed"
	attrMask     = "mask"
	attrName     = "name"
	attrOff      = "off"
	attrCreated  = "created"
	attrAccessed = "accessed"
	attrExpires  = "expires"
	attrLimits   = "limits"
	attrModels   = "models"
	attrIPs      = "ips"
	attrGroup    = "group"
	attrVersion  = "version"
)

// tokenItem writes a token. retention is the seconds for which an expired
// token stays before DynamoDB removes it.
func tokenItem(t token.Token, retention int64) item {
	it := tokenKey(t.UserID, t.ID)
	it[attrHash] = hashValue(t.KeyHash)
	it[attrMask] = text(t.Mask)
	it[attrName] = text(t.Name)
	it[attrCreated] = number(t.CreatedTime)
	it[attrAccessed] = number(t.AccessedTime)
	it[attrBalance] = balanceItem(quota.Balance{Left: t.RemainQuota, Unlimited: t.UnlimitedQuota})
	it[attrUsed] = number(t.UsedQuota)
	it[attrRecords] = &types.AttributeValueMemberM{Value: item{}} // a write into a map needs the map
	it[attrBefore] = &types.AttributeValueMemberM{Value: item{}}
	it[attrVersion] = number(t.Version)
	for name, value := range map[string]types.AttributeValue{
		attrOff:     flag(t.Disabled),
		attrLimits:  flag(t.ModelLimitsEnabled),
		attrModels:  list(t.Models),
		attrIPs:     list(t.AllowIPs),
		attrGroup:   optional(t.Group),
		attrExpires: expiry(t.ExpiredTime, 0),
		TTL:         expiry(t.ExpiredTime, retention),
	} {
		if value != nil {
			it[name] = value
		}
	}
	return it
}

// readToken reads a token; userID is known from where it was read.
func readToken(it item, userID int64) (token.Token, error) {
	l, err := readLedger(it, userID)
	return l.Token, err
}

// readFields reads what a token is, but for its balance and holds.
func readFields(r *reader, userID int64) token.Token {
	t := token.Token{
		UserID:             userID,
		ID:                 r.number(SortKey),
		Version:            r.number(attrVersion),
		KeyHash:            r.hash(attrHash),
		Mask:               r.text(attrMask),
		Name:               r.text(attrName),
		Disabled:           r.flag(attrOff),
		CreatedTime:        r.number(attrCreated),
		AccessedTime:       r.number(attrAccessed),
		ExpiredTime:        token.Never,
		UsedQuota:          r.number(attrUsed),
		ModelLimitsEnabled: r.flag(attrLimits),
		Models:             r.list(attrModels),
		AllowIPs:           r.list(attrIPs),
		Group:              r.text(attrGroup),
		PreviousHash:       r.hash(attrPrevious),
		PreviousMask:       r.text(attrPreviousMask),
		PreviousUntil:      r.number(attrPreviousUntil),
	}
	if r.has(attrExpires) {
		t.ExpiredTime = r.number(attrExpires)
	}
	return t
}

// killed reports whether a token's deletion has begun: its key is dead, and
// it is to be removed and counted.
func killed(it item) bool {
	_, ok := it[attrKilled]
	return ok
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

// The values of attributes that may be left out: nil is left out.

func flag(b bool) types.AttributeValue {
	if !b {
		return nil
	}
	return &types.AttributeValueMemberBOOL{Value: true}
}

func optional(s string) types.AttributeValue {
	if s == "" {
		return nil
	}
	return text(s)
}

func list(all []string) types.AttributeValue {
	if len(all) == 0 {
		return nil
	}
	values := make([]types.AttributeValue, len(all))
	for i, s := range all {
		values[i] = text(s)
	}
	return &types.AttributeValueMemberL{Value: values}
}

func expiry(second, later int64) types.AttributeValue {
	if second == token.Never {
		return nil
	}
	return number(second + later)
}

// A reader reads attributes and keeps the first error. What is left out is
// zero.
type reader struct {
	item item
	err  error
}

func (r *reader) has(name string) bool {
	_, ok := r.item[name]
	return ok
}

func (r *reader) number(name string) int64 {
	v, ok := r.item[name].(*types.AttributeValueMemberN)
	if !ok {
		r.wrong(name)
		return 0
	}
	n, err := strconv.ParseInt(v.Value, 10, 64)
	if err != nil {
		r.wrong(name)
	}
	return n
}

func (r *reader) text(name string) string {
	v, ok := r.item[name].(*types.AttributeValueMemberS)
	if !ok {
		r.wrong(name)
		return ""
	}
	return v.Value
}

func (r *reader) flag(name string) bool {
	v, ok := r.item[name].(*types.AttributeValueMemberBOOL)
	if !ok {
		r.wrong(name)
		return false
	}
	return v.Value
}

func (r *reader) hash(name string) (h [32]byte) {
	v, ok := r.item[name].(*types.AttributeValueMemberB)
	if !ok || len(v.Value) != len(h) {
		r.wrong(name)
		return h
	}
	return [32]byte(v.Value)
}

func (r *reader) list(name string) []string {
	v, ok := r.item[name].(*types.AttributeValueMemberL)
	if !ok {
		r.wrong(name)
		return nil
	}
	all := make([]string, len(v.Value))
	for i, e := range v.Value {
		s, ok := e.(*types.AttributeValueMemberS)
		if !ok {
			r.wrong(name)
			return nil
		}
		all[i] = s.Value
	}
	return all
}

// inner reads a map; join takes over its error.
func (r *reader) inner(name string) *reader {
	v, ok := r.item[name].(*types.AttributeValueMemberM)
	if !ok {
		r.wrong(name)
		return new(reader)
	}
	return &reader{item: v.Value}
}

func (r *reader) join(inner *reader) {
	if r.err == nil {
		r.err = inner.err
	}
}

// wrong notes an attribute of another type than it should have; one that is
// left out is no error.
func (r *reader) wrong(name string) {
	if r.err == nil && r.has(name) {
		r.err = fmt.Errorf("attribute %s has an unexpected type", name)
	}
}
