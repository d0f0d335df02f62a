package gatewaytest

import (
	"slices"
	"strings"
)

// A Slash is a way in which an HTTP API may match a path that ends in a slash.
// AWS does not document it and reports differ, so a stack must work with all of
// them. The slash is never part of {id}, because a variable is one segment.
type Slash int

const (
	// GreedyTakesEmpty means that /x/ matches /x/{proxy+} with an empty rest.
	// AWS's own emulator does this: aws/aws-lambda-dotnet,
	// Tools/LambdaTestTool-v2.
	GreedyTakesEmpty Slash = iota
	// GreedyNeedsRest means that /x/ matches neither /x nor /x/{proxy+}.
	GreedyNeedsRest
	// Stripped means that /x/ matches /x, but the function receives /x/. This is
	// reported in aws-powertools/powertools-lambda-python, issue 1552.
	Stripped
)

// Slashes returns every Slash.
func Slashes() []Slash { return []Slash{GreedyTakesEmpty, GreedyNeedsRest, Stripped} }

func (s Slash) String() string {
	return [...]string{"greedy_takes_empty", "greedy_needs_rest", "stripped"}[s]
}

const (
	defaultKey = "$default"
	anyMethod  = "ANY"
)

// Match returns the route of a request and the values of its path variables. ok
// is false if no route matches. The order is documented: first a full match of
// path and method, where text is more specific than a variable; then a greedy
// variable, the one after the longest path first; then $default.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
func (a *API) Match(slash Slash, method, path string) (route Route, variables map[string]string, ok bool) {
	if slash == Stripped && path != "/" {
		path = strings.TrimSuffix(path, "/")
	}
	rank := "~" // sorts after all others
	for _, candidate := range a.Routes {
		found, matches := matches(candidate.Key, slash, method, path)
		if r := rankOf(candidate.Key); matches && r < rank {
			route, variables, rank, ok = candidate, found, r, true
		}
	}
	return route, variables, ok
}

// matches reports whether a request matches a route key, and with which
// variables. It splits the decoded path into segments. Whether an escaped slash
// separates segments is not documented.
func matches(key string, slash Slash, method, path string) (variables map[string]string, ok bool) {
	if key == defaultKey {
		return nil, true
	}
	wantMethod, pattern, _ := strings.Cut(key, " ")
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if !slices.Contains([]string{method, anyMethod}, wantMethod) {
		return nil, false
	}
	variables = map[string]string{}
	for i, segment := range want {
		if i == len(got) {
			return nil, false
		}
		name, isVariable := strings.CutPrefix(segment, "{")
		if name, isGreedy := strings.CutSuffix(name, "+}"); isVariable && isGreedy {
			rest := strings.Join(got[i:], "/")
			variables[name] = rest
			return variables, rest != "" || slash == GreedyTakesEmpty
		}
		switch {
		case isVariable && got[i] != "":
			variables[strings.TrimSuffix(name, "}")] = got[i]
		case segment != got[i]:
			return nil, false
		}
	}
	return variables, len(want) == len(got)
}

// rankOf returns a string by which route keys sort, the most specific first: one
// character for the kind of match, then one for each segment.
func rankOf(key string) string {
	if key == defaultKey {
		return "3"
	}
	method, pattern, _ := strings.Cut(key, " ")
	rank := []byte("1")
	for segment := range strings.SplitSeq(pattern, "/") {
		switch {
		case strings.HasSuffix(segment, "+}"):
			rank, rank[0] = append(rank, 'c'), '2'
		case strings.HasPrefix(segment, "{"):
			rank = append(rank, 'b')
		default:
			rank = append(rank, 'a')
		}
	}
	if method == anyMethod {
		return string(rank) + "z"
	}
	return string(rank)
}
