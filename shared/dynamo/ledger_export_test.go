package dynamo

import (
	"maps"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/quota"
)

// Access to the store's own ledgers and expressions, for tests that make up a
// ledger or check what an operation sends to DynamoDB.

// LedgerItem returns the item of a token with its ledger.
func LedgerItem(l quota.Ledger) map[string]types.AttributeValue {
	it := TokenItem(l.Token)
	maps.Copy(it, ledgerItem(l))
	it[attrRevision] = optionalNumber(l.Revision)
	maps.DeleteFunc(it, func(_ string, v types.AttributeValue) bool { return v == nil })
	return it
}

// ReadLedger reads the ledger from a token's item.
func ReadLedger(it map[string]types.AttributeValue, userID int64) (quota.Ledger, error) {
	return readLedger(it, userID)
}

// ModelEntries returns the entries of a token's models that a direct write tests
// for a model.
func ModelEntries(model string) []string { return commonModelEntries(model) }

// DirectWrite returns the update and the condition of an operation's first
// write.
func DirectWrite(key credential.Key, o quota.Operation) (update, condition string) {
	e := directWrite(key, o, nil)
	return *e.update(), *e.condition()
}
