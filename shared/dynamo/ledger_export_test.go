package dynamo

import (
	"maps"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/quota"
)

// The store's own code for what units do, for tests that make up a ledger or
// read what an operation asks of DynamoDB.

// LedgerItem is a ledger as the store writes it.
func LedgerItem(l quota.Ledger) map[string]types.AttributeValue {
	it := TokenItem(l.Token)
	maps.Copy(it, ledgerItem(l))
	it[attrRevision] = optionalNumber(l.Revision)
	maps.DeleteFunc(it, func(_ string, v types.AttributeValue) bool { return v == nil })
	return it
}

// ReadLedger reads the ledger of an item.
func ReadLedger(it map[string]types.AttributeValue, userID int64) (quota.Ledger, error) {
	return readLedger(it, userID)
}

// DirectWrite is the update and the condition of an operation's first write.
func DirectWrite(key credential.Key, o quota.Operation) (update, condition string) {
	e := directWrite(key, o)
	return *e.update(), *e.condition()
}
