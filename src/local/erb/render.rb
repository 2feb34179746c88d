# Renders all templates of one BOSH job for some deployments, in the way a Director
# does (reference/bosh-release.md §4.3). Reads one JSON document from standard input
# and writes one to standard output.
require 'erb'
require 'json'
require 'yaml'

class UnknownProperty < StandardError
  def initialize(names) = super("Can't find property '#{names.join("', or '")}'")
end

class UnknownLink < StandardError
  def initialize(name) = super("Can't find link '#{name}'")
end

# What if_p and if_link return: the way on for .else and its like.
class Done
  def else = self
  def else_if_p(*) = self
  def else_if_link(*) = self
end

class Otherwise
  def initialize(context) = @context = context
  def else = yield
  def else_if_p(*names, &block) = @context.if_p(*names, &block)
  def else_if_link(name, &block) = @context.if_link(name, &block)
end

# Members by method, nil for one that is not there.
class Members
  def initialize(hash) = @hash = hash
  def [](key) = Members.of(@hash[key.to_s])
  def to_h = @hash
  def respond_to_missing?(name, *) = !name.to_s.end_with?('?', '!', '=')

  def method_missing(name, *args)
    super unless args.empty? && respond_to_missing?(name)
    self[name]
  end

  def self.of(value)
    case value
    when Hash then new(value)
    when Array then value.map { |v| of(v) }
    else value
    end
  end
end

module Properties
  def p(*args)
    names = Array(args[0])
    names.each do |name|
      value = lookup(name)
      return value unless value.nil?
    end
    return args[1] if args.length == 2

    raise UnknownProperty, names
  end

  def if_p(*names)
    values = names.map { |name| lookup(name) }
    return Otherwise.new(self) if values.any?(&:nil?)

    yield(*values)
    Done.new
  end

  def lookup(name)
    name.split('.').reduce(raw_properties) do |at, key|
      return nil unless at.is_a?(Hash)

      at[key]
    end
  end
end

class Link
  include Properties
  attr_reader :instances, :raw_properties

  def initialize(link)
    @raw_properties = link['properties'] || {}
    @instances = (link['instances'] || []).map { |i| Members.new(i) }
    @address = link['address']
  end

  # A link written by hand in the manifest may lack it.
  def address(_criteria = {})
    raise NotImplementedError, 'the link has no address' if @address.nil?

    @address
  end

  def if_link(*) = raise(NotImplementedError, 'if_link in a link')
end

class Context
  include Properties
  attr_reader :raw_properties, :spec, :index, :name

  def initialize(input)
    @raw_properties = input.fetch('properties')
    @links = input.fetch('links').transform_values { |l| Link.new(l) }
    @spec = Members.new(input.fetch('spec'))
    @index = input.fetch('spec')['index']
    @name = input.fetch('spec')['name']
  end

  def properties = Members.new(@raw_properties)
  def link(name) = @links[name] || raise(UnknownLink, name)

  def if_link(name)
    return Otherwise.new(self) unless @links.key?(name)

    yield @links[name]
    Done.new
  end

  def variables = binding
end

def render(templates, input)
  files = {}
  errors = []
  templates.each do |source, text|
    template = ERB.new(text, trim_mode: '-')
    template.filename = source
    files[source] = template.result(Context.new(input).variables)
  rescue StandardError, ScriptError => e
    line = e.backtrace.to_a.filter_map { |l| l[/\A#{Regexp.escape(source)}:(\d+)/, 1] }.first
    errors << { 'template' => source, 'line' => line.to_i, 'message' => e.message.lines.first.to_s.chomp }
  end
  { 'files' => files, 'errors' => errors }
end

question = JSON.parse($stdin.read)
answers = question.fetch('inputs').map { |input| render(question.fetch('templates'), input) }
$stdout.write(JSON.generate(answers))
