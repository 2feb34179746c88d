package api

// Lines are the routes that need a token, as "METHOD /path/{variable}".
func (s *Server) Lines() []string {
	var lines []string
	for _, r := range s.routes() {
		if !r.rights.public {
			lines = append(lines, r.method+" "+r.path)
		}
	}
	return lines
}
