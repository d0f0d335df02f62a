package dynamo

import (
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// The attributes of a TOKEN item, but for those that spending changes; these
// are in ledgeritem.go.
const (
	attrHash     = "hash"   // SHA-256 of the key; removed when the token is revoked
	attrRevoked  = "killed" // by the call that revoked the token: its Unix second, "-", and a random mark
	attrMask     = "mask"
	attrName     = "name"
	attrDisabled = "off"
	attrCreated  = "created"
	attrAccessed = "accessed"
	attrExpires  = "expires"
	attrLimits   = "limits"
	attrModels   = "models"
	attrIPs      = "ips"
	attrGroup    = "group"
	attrVersion  = "version"

	attrSealedUntil = "sealeduntil" // the second from which the key, which is in attrSealed, is no longer shown

	attrGroupGranted = "granted" // the operator grants the group to the user, so that prices apply it

	// Whether the operator has stopped the user's keys, and the order that
	// decided it, which is a number of token.User.StopOrders.
	attrStopped   = "stopped"
	attrStopOrder = "stoporder"

	// The previous key.
	attrPrevious      = "prev" // SHA-256
	attrPreviousMask  = "prevmask"
	attrPreviousUntil = "prevuntil"
	attrPreviousHolds = "prevholds" // the second by which all holds that the key made have expired

	attrLeaked = "leaked" // the second at which the present key was revoked by showing it
)

// tokenItem returns the item of a new token. DynamoDB may remove it
// retentionSeconds after the token has expired, see removableFrom.
func tokenItem(t token.Token, retentionSeconds int64) item {
	it := tokenKey(t.UserID, t.ID)
	it[attrHash] = binary(t.KeyHash[:])
	it[attrMask] = text(t.Mask)
	it[attrName] = text(t.Name)
	it[attrCreated] = number(t.CreatedTime)
	it[attrAccessed] = number(t.AccessedTime)
	it[attrBalance] = balanceValue(quota.Balance{Left: t.RemainQuota, Unlimited: t.UnlimitedQuota})
	it[attrUsed] = number(t.UsedQuota)
	it[attrRecords] = mapOf(item{}) // an update can write into a map only if the map exists
	it[attrBeforeReserve] = mapOf(item{})
	it[attrVersion] = number(t.Version)
	setPresent(it, item{
		attrSealed:      optionalBinary(t.SealedKey.Content),
		attrSealedUntil: optionalNumber(t.SealedKey.Until),

		attrDisabled: optionalFlag(t.Disabled),
		attrStopped:  optionalFlag(t.Stopped),
		attrLimits:   optionalFlag(t.ModelLimitsEnabled),
		attrModels:   optionalList(t.Models),
		attrIPs:      optionalList(t.AllowIPs),
		attrGroup:    optionalText(t.Group),

		attrGroupGranted: optionalFlag(t.GroupGranted),
		attrExpires:      optionalExpiry(t.ExpiredTime),
		TTL:              removableFrom(t.ExpiredTime, t.CreatedTime, retentionSeconds),
	})
	if t.ForeignHash != ([32]byte{}) {
		it[attrForeign], it[attrImported] = binary(t.ForeignHash[:]), text(t.ImportedFrom)
	}
	setPresent(it, limitItem(t))
	return it
}

// optionalExpiry is a Unix second; it is nil for token.Never.
func optionalExpiry(second int64) types.AttributeValue {
	if second == token.Never {
		return nil
	}
	return number(second)
}

// removableFrom is the TTL of a token whose expiry is written at a Unix second;
// it is nil for token.Never. A token ends at its expiry, or with this write if
// the caller chose a second in the past. Retention counts from that end.
// Otherwise DynamoDB could remove the token at once, with the units used and
// the open holds; and it would never remove one whose TTL is five years past:
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html
func removableFrom(expires, now, retentionSeconds int64) types.AttributeValue {
	if expires == token.Never {
		return nil
	}
	return number(max(expires, now) + retentionSeconds)
}

// readToken reads a token of a user; the item itself does not name the user.
func readToken(it item, userID int64) (token.Token, error) {
	l, err := readLedger(it, userID)
	return l.Token, err
}

// readSettings reads all of a token but its balance and holds.
func readSettings(r *reader, userID int64) token.Token {
	t := token.Token{
		UserID:             userID,
		ID:                 r.number(SortKey),
		Version:            r.number(attrVersion),
		KeyHash:            r.hash(attrHash),
		SealedKey:          token.SealedKey{Content: readSealed(r.item), Until: r.number(attrSealedUntil)},
		Mask:               r.text(attrMask),
		Name:               r.text(attrName),
		Disabled:           r.flag(attrDisabled),
		Stopped:            r.flag(attrStopped),
		CreatedTime:        r.number(attrCreated),
		AccessedTime:       r.number(attrAccessed),
		ExpiredTime:        token.Never,
		UsedQuota:          r.number(attrUsed),
		ModelLimitsEnabled: r.flag(attrLimits),
		Models:             r.list(attrModels),
		AllowIPs:           r.list(attrIPs),
		Group:              r.text(attrGroup),
		GroupGranted:       r.flag(attrGroupGranted),
		PreviousHash:       r.hash(attrPrevious),
		PreviousMask:       r.text(attrPreviousMask),
		PreviousUntil:      r.number(attrPreviousUntil),
		LeakedTime:         r.number(attrLeaked),
		ForeignHash:        r.hash(attrForeign),
		ImportedFrom:       r.text(attrImported),
		LastUse:            readLastUse(r),
	}
	readLimits(r, &t)
	if r.has(attrExpires) {
		t.ExpiredTime = r.number(attrExpires)
	}
	return t
}

// revoked reports whether a token's deletion has begun: its keys are refused,
// and its item still has to be removed and counted.
func revoked(it item) bool {
	_, ok := it[attrRevoked]
	return ok
}

// holdsEndedAt returns the Unix second as of which a token's holds are to be
// looked at: now, or that of the revocation. After that nothing can end them any
// more, so units that were held then are used.
func holdsEndedAt(it item, now int64) int64 {
	if !revoked(it) {
		return now
	}
	r := reader{item: it}
	second, _, _ := strings.Cut(r.text(attrRevoked), "-")
	at, _ := strconv.ParseInt(second, 10, 64) // 0 if it has none: all were open
	return at
}
