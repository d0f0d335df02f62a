package dynamotest

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/internal/capture"
)

// FindSecrets returns where an item of the table has a secret in any form, unless it is
// where ARCHITECTURE.md says that such a form is stored: hashes of keys in TOKEN and KEY
// items, hashes of access tokens in META items, the bytes with which a webhook is signed in
// ENDPOINT items, and settings that are texts of the user.
func FindSecrets(it map[string]types.AttributeValue, secrets capture.Secrets) (found []string) {
	partition, ok := it["pk"].(*types.AttributeValueMemberS)
	if !ok {
		return []string{"an item without a partition key"}
	}
	kind, _, _ := strings.Cut(partition.Value, "#")
	EachText(kind, &types.AttributeValueMemberM{Value: it}, func(place, text string) {
		for _, leak := range secrets.Find(text) {
			if !documented(place, leak) {
				found = append(found, fmt.Sprintf("%s is in %s", leak, place))
			}
		}
	})
	return found
}

// documented reports whether a place may have this form of a secret.
func documented(place string, leak capture.Leak) bool {
	switch place {
	case "T.hash", "T.prev", "T.foreign", "K.pk", "U.a0.h", "U.a1.h", "U.a2.h", "U.a3.h", "U.a4.h":
		return leak.Hash
	case "E.secret", "E.prevsecret":
		return strings.HasPrefix(leak.Form, capture.KeyForm)
	case "T.name", "T.group", "T.models", "T.modelq.m", "E.url":
		return true
	default:
		return false
	}
}

// EachText calls do with every name and every value, and with where it is, such as
// T.modelq.m.
func EachText(place string, value types.AttributeValue, do func(place, text string)) {
	switch v := value.(type) {
	case *types.AttributeValueMemberM:
		for name, e := range v.Value {
			do(place, name)
			EachText(place+"."+name, e, do)
		}
	case *types.AttributeValueMemberL:
		for _, e := range v.Value {
			EachText(place, e, do)
		}
	case *types.AttributeValueMemberS:
		do(place, v.Value)
	case *types.AttributeValueMemberB:
		do(place, string(v.Value))
	case *types.AttributeValueMemberN:
		do(place, v.Value)
	case *types.AttributeValueMemberBOOL:
	default:
		do(place, fmt.Sprint(v))
	}
}
