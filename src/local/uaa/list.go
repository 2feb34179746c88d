package uaa

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/pks-community/pks-release/src/local/uaa/scimfilter"
)

const (
	defaultCount = 100
	maxCount     = 500
)

const schemaCore = "urn:scim:schemas:core:1.0"

// entry is one element of a list: its document and its attributes for filters
// and order.
type entry struct {
	document   any
	attributes scimfilter.Row
}

// page is what the query of a list asks for (reference/uaa.md §10.4).
type page struct {
	filter     scimfilter.Filter
	attributes []string
	sortBy     string
	descending bool
	start      int // from 1
	count      int
}

func readPage(r *http.Request, known []string, sortBy string) (page, error) {
	query := r.URL.Query()
	isKnown := func(name string) bool { return slices.Contains(known, name) }
	p := page{sortBy: sortBy, start: 1, count: defaultCount}
	var err error
	if p.filter, err = scimfilter.Parse(query.Get("filter"), isKnown); err != nil {
		return page{}, scimProblem(http.StatusBadRequest, "scim", "Invalid filter expression: [%s]", clipText(query.Get("filter")))
	}
	if text := query.Get("attributes"); text != "" {
		p.attributes = strings.Split(text, ",")
	}
	if text := query.Get("sortBy"); text != "" {
		p.sortBy = strings.ToLower(text)
		if !isKnown(p.sortBy) {
			return page{}, scimProblem(http.StatusBadRequest, "scim", "Invalid sort attribute: [%s]", clipText(text))
		}
	}
	p.descending = strings.EqualFold(query.Get("sortOrder"), "descending")
	if p.start, err = number(query.Get("startIndex"), 1); err != nil {
		return page{}, err
	}
	if p.count, err = number(query.Get("count"), defaultCount); err != nil {
		return page{}, err
	}
	p.start, p.count = max(p.start, 1), min(max(p.count, 0), maxCount)
	return p, nil
}

func number(text string, absent int) (int, error) {
	if text == "" {
		return absent, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, scimProblem(http.StatusBadRequest, "scim", "%s is not a number", clipText(text))
	}
	return n, nil
}

// write sends the part of the entries that the page asks for.
func (p page) write(w http.ResponseWriter, entries []entry) error {
	entries = slices.DeleteFunc(entries, func(e entry) bool { return !p.filter.Accepts(e.attributes) })
	slices.SortStableFunc(entries, func(a, b entry) int {
		order := slices.Compare(lowered(a.attributes(p.sortBy)), lowered(b.attributes(p.sortBy)))
		if p.descending {
			return -order
		}
		return order
	})
	total := len(entries)
	from := min(p.start-1, total)
	entries = entries[from:min(from+p.count, total)]
	resources := make([]any, 0, len(entries))
	for _, e := range entries {
		document, err := pick(e.document, p.attributes)
		if err != nil {
			return err
		}
		resources = append(resources, document)
	}
	return writeJSON(w, http.StatusOK, map[string]any{
		"resources": resources, "startIndex": p.start, "itemsPerPage": p.count,
		"totalResults": total, "schemas": []string{schemaCore},
	})
}

func lowered(values []string) []string {
	lower := make([]string, len(values))
	for i, v := range values {
		lower[i] = strings.ToLower(v)
	}
	return lower
}

// pick leaves only the members named, or all when none is.
func pick(document any, names []string) (any, error) {
	if len(names) == 0 {
		return document, nil
	}
	body, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("encode list: %w", err)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return nil, fmt.Errorf("encode list: %w", err)
	}
	for member := range members {
		if !slices.ContainsFunc(names, func(name string) bool {
			top, _, _ := strings.Cut(strings.TrimSpace(name), ".")
			return strings.EqualFold(top, member)
		}) {
			delete(members, member)
		}
	}
	return members, nil
}
