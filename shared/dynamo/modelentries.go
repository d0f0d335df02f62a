package dynamo

import "unicode"

// maxModelPrefixes is how many patterns a direct write tests besides the model's
// name, the name with "*" and "*". With a caller's IPv6 networks, its condition
// then has two thirds of the 300 operators and 4 KB that DynamoDB allows.
const maxModelPrefixes = 40

// commonModelEntries lists entries of a token's models that allow a model: its
// name, "*", and patterns. For a name of up to maxModelPrefixes characters these
// are all entries that can allow it; for a longer one, the patterns that people
// write. If only another pattern allows the model, Operation.Apply finds it.
//
// A model that is itself called "gpt-5*" is in the list as a name. A token that
// has this entry allows the model anyway, because it begins with "gpt-5".
func commonModelEntries(model string) []string {
	const anyRest = "*"
	entries := []string{model, model + anyRest, anyRest}
	letters := []rune(model)
	for i := 1; i < len(letters) && len(entries) < maxModelPrefixes+3; i++ {
		if len(letters) <= maxModelPrefixes || endsWord(letters[i-1], letters[i]) {
			entries = append(entries, string(letters[:i])+anyRest)
		}
	}
	return entries
}

// endsWord reports whether a word, a number or a separator ends between two
// characters. There a pattern is likely to end, as in "arn:aws:bedrock:*".
func endsWord(before, after rune) bool {
	return (!unicode.IsLetter(before) || !unicode.IsLetter(after)) && (!unicode.IsDigit(before) || !unicode.IsDigit(after))
}
