-- bounced and KumoMTA, from KumoMTA's documentation (https://docs.kumomta.com); not run by bounced's own tests.
--
--   local bounced = dofile '/opt/kumomta/etc/policy/bounced.lua'
--   bounced.setup { url = 'http://127.0.0.1:8025', key = 'bnc_...' }
--
-- Asks before each recipient of a message that comes in by SMTP, and before each message that comes in by HTTP, and posts the log of
-- what became of them. When the daemon does not answer within a second, mail flows.
local mod = {}
local kumo = require 'kumo'

local client
local function http()
  client = client or kumo.http.build_client { timeout = '1 second', pool_idle_timeout = '90 seconds' }
  return client
end

local settings = {}

-- true when the address is suppressed; false also when nobody answers
local function suppressed(address)
  local ok, answer = pcall(function()
    local r = http():get(settings.url .. '/v1/check?address=' .. kumo.encode.percent_encode(address))
    r:header('Authorization', 'Bearer ' .. settings.key)
    return r:send()
  end)
  if not ok or answer:status_code() ~= 200 then
    return false
  end
  return kumo.json_parse(answer:text()).answer == 'suppressed'
end

local remembered

function mod.setup(options)
  settings = options
  remembered = kumo.memoize(suppressed, { name = 'bounced', ttl = '10 seconds', capacity = 100000 })

  kumo.on('smtp_server_rcpt_to', function(recipient, _)
    if remembered(tostring(recipient)) then
      kumo.reject(550, '5.7.1 not sent, suppressed by bounced')
    end
  end)

  -- injection by HTTP does not pass the events of SMTP
  kumo.on('http_message_generated', function(message)
    if remembered(tostring(message:recipient())) then
      kumo.reject(550, '5.7.1 not sent, suppressed by bounced')
    end
  end)

  kumo.on('init', function()
    kumo.configure_log_hook {
      name = 'bounced',
      headers = { 'X-Campaign', 'X-Stream', 'Message-ID' },
      per_record = { Reception = { enable = false } },
    }
  end)

  kumo.on('should_enqueue_log_record', function(message, hook)
    if hook ~= 'bounced' or message:get_meta 'queue' == 'bounced.log_hook' then
      return false
    end
    message:set_meta('queue', 'bounced.log_hook')
    return true
  end)

  kumo.on('get_queue_config', function(domain)
    if domain == 'bounced.log_hook' then
      return kumo.make_queue_config {
        protocol = { custom_lua = { constructor = 'bounced.log' } },
        retry_interval = '10 seconds',
        max_age = '3 days',
      }
    end
  end)

  kumo.on('bounced.log', function()
    local connection = {}
    function connection:send(message)
      local r = http():post(settings.url .. '/v1/logs/kumomta')
      r:header('Authorization', 'Bearer ' .. settings.key)
      r:header('Content-Type', 'application/x-ndjson')
      r:body(message:get_data() .. '\n')
      local answer = r:send()
      if answer:status_code() == 202 or answer:status_code() == 400 then
        return 'taken' -- 400: it makes no sense to bounced, and will make none the next time
      end
      kumo.reject(451, 'bounced answered ' .. answer:status_code()) -- again later
    end
    return connection
  end)
end

return mod
