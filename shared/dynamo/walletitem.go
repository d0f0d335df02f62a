package dynamo

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/token"
)

// The attributes of a WALLET item, beside attrRevision and those that a
// window's map has for its period: limitLength to limitDay. A user that never had
// a wallet has no such item.
const (
	walletOff    = "off"
	walletOrder  = "order"
	walletBudget = "budget"
	walletCount  = "count"
	walletLeft   = "left"
	walletEndsAt = "ends"
	walletGone   = "gone"
	walletLow    = "low" // a token.Lowness
)

// The attributes of a TOKEN item that uses its user's wallet.
const (
	attrWallet      = "wallet" // a map, which exists if the token uses the wallet: of its block, if it has one
	attrWalletOrder = "worder" // stays if the wallet is turned off

	blockCount  = "c"
	blockDrawn  = "d"
	blockNumber = limitNumber
	blockEndsAt = limitEndsAt
)

// attrUserWallet, in META, is the wallet's order, below 0 if it is turned off.
const attrUserWallet = "w"

// userWallet is the value of attrUserWallet. It is nil for a user that never had
// a wallet.
func userWallet(w token.Wallet) types.AttributeValue {
	if !w.On {
		return optionalNumber(-w.Order)
	}
	return number(w.Order)
}

func walletItem(w token.Wallet) item {
	it := walletKey(w.UserID)
	setPresent(it, walletAttributes(w))
	it[attrRevision] = number(w.Revision)
	return it
}

// walletAttributes are all attributes of a wallet but its key and revision. A nil
// value means that the attribute is left out.
func walletAttributes(w token.Wallet) item {
	it := periodItem(w.Period)
	it[walletOff] = optionalFlag(!w.On)
	it[walletOrder] = number(w.Order)
	it[walletBudget] = number(w.Units)
	it[walletCount] = number(w.Count)
	it[walletLeft] = number(w.Left)
	it[walletEndsAt] = optionalNumber(w.EndsAt)
	it[walletGone] = optionalNumber(w.Gone)
	it[walletLow] = optionalNumber(int64(w.Low))
	return it
}

// readWallet reads a WALLET item; without one, it is a wallet that was never
// turned on.
func readWallet(it item, userID int64) (token.Wallet, error) {
	if len(it) == 0 {
		return token.Wallet{UserID: userID}, nil
	}
	r := reader{item: it}
	w := token.Wallet{
		UserID: userID, On: !r.flag(walletOff), Order: r.number(walletOrder),
		Budget: token.Budget{Units: r.number(walletBudget), Period: readPeriod(&r)},
		Count:  r.number(walletCount), Left: r.number(walletLeft), EndsAt: r.number(walletEndsAt), Gone: r.number(walletGone),
		Low: token.Lowness(r.number(walletLow)), Revision: r.number(attrRevision),
	}
	return w, r.err
}

// periodItem has the attributes of a period; "" as its length has none.
func periodItem(p period.Period) item {
	return item{
		limitLength: optionalText(p.Length), limitTimezone: optionalText(p.Timezone), limitHour: optionalNumber(int64(p.Anchor.Hour)),
		limitWeekday: optionalNumber(int64(p.Anchor.Weekday)), limitDay: optionalNumber(int64(p.Anchor.Day)),
	}
}

func readPeriod(r *reader) period.Period {
	return period.Period{
		Length: r.text(limitLength), Timezone: r.text(limitTimezone),
		Anchor: period.Anchor{Hour: int(r.number(limitHour)), Weekday: int(r.number(limitWeekday)), Day: int(r.number(limitDay))},
	}
}

// blockValue is the map of a token's block, empty if there is none. Its free units
// are in the token's meters.
func blockValue(b token.Block) types.AttributeValue {
	if b.Number == 0 {
		return mapOf(item{})
	}
	it := item{blockCount: number(b.Count), blockDrawn: number(b.Drawn), blockNumber: number(b.Number)}
	setPresent(it, item{blockEndsAt: optionalNumber(b.EndsAt)})
	return mapOf(it)
}

// readBlock reads the token's block; meters has what is left in each meter.
func readBlock(r, meters *reader, t *token.Token) {
	t.WalletOrder = r.number(attrWalletOrder)
	t.UsesWallet = r.has(attrWallet)
	m := r.nested(attrWallet)
	t.Block = token.Block{Count: m.number(blockCount), Drawn: m.number(blockDrawn)}
	if n := m.number(blockNumber); n != 0 {
		t.Block.Meter = token.Meter{Number: n, Left: meters.number(meterName(n)), EndsAt: m.number(blockEndsAt)}
	}
	r.merge(m)
}
