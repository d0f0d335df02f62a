package gateway

import "strings"

// A shape is the form of an API: where the model is named, how usage is
// reported, what ends an answer.
type shape int

const (
	shapeOpenAI shape = iota
	shapeAnthropic
	shapeGemini
)

func (s shape) String() string { return [...]string{"openai", "anthropic", "gemini"}[s] }

// shapeOf returns the shape of the API that a path belongs to.
func shapeOf(path string) shape {
	switch {
	case strings.HasSuffix(path, "/messages"):
		return shapeAnthropic
	case strings.Contains(path, ":"):
		return shapeGemini
	default:
		return shapeOpenAI
	}
}
